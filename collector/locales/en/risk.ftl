# Words of `risk`.
cli-risk-accepted = The risk is accepted, number { $id }.
cli-risk-withdrawn = The acceptance of risk { $id } is withdrawn.
cli-risk-none = No risk is accepted.
cli-risk-absent = There is no such agency, host or number.
cli-risk-over = This acceptance has ended or was withdrawn.
cli-risk-name = A CVE or an advisory's id is needed, without blanks.
cli-risk-package = The package's name is needed, as the advisory has it.
cli-risk-until = The last day must be today or later, and at most { $days } days away.
cli-risk-reason = A reason is needed, of at most 1,000 characters.
cli-risk-stage-in_force = in force
cli-risk-stage-ended = ended
cli-risk-stage-withdrawn = withdrawn
vuln-accepted = Accepted risks: { $count }
vuln-accepted-until = { $name } accepted until the end of { $day } by { $by }: { $reason }
