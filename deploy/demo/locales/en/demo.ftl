demo-folder = Everything lies in one folder: { $folder }
demo-founding = Founding a collector: authority, database, first administrator…
demo-serving = The collector runs: QUIC { $link }, console http://{ $console }
demo-enrolling = Enrolling this machine with a one-time string…
demo-watching = The agent runs: it reads the real packages, patches and licences of this machine and watches { $watched }
demo-progress = … { $seconds } s: { $packages } packages received
demo-described = Host { $host }: { $packages } packages, { $pending } updates waiting, { $security } of them security updates
demo-unknown = unknown
demo-changing = Really changing a sample web page: { $page }
demo-incident = INCIDENT { $id } [{ $severity }] { $title }
demo-clauses = Citing the clauses: { $clauses }
demo-latency = From the write to the incident in the console: { $milliseconds } ms
demo-link = Open the console with this one-time sign-in link (valid for 1 hour): { $link }
demo-next =
    Try next:
      echo "try" >> { $page }      one more change: it joins the same incident
      rm { $page }      remove the page
    Stop: Ctrl+C. Remove the folder { $folder } and nothing is left.
demo-stopping = Stopping…
demo-folder-foreign = The folder { $folder } holds files that are not the demo's; choose another, empty one with --folder
demo-low = low
demo-medium = medium
demo-high = high
demo-critical = critical
