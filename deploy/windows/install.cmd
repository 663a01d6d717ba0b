@echo off
rem Vong Gac: cai tac tu tu tep zip, khong can MSI. / Installs the agent from the zip, without the MSI.
rem Chay bang "Run as administrator" / run as administrator:   install.cmd vg1:...
setlocal
set "AGENT=%~dp0vonggac-agent.exe"
"%AGENT%" service install || exit /b 1
if not "%~1"=="" "%AGENT%" enrol %1 || exit /b 1
"%AGENT%" service start
exit /b %ERRORLEVEL%
