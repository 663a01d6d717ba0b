# Words about compliance snapshots and backups.
snapshot-key = Public key of compliance snapshots (minisign): { $key }
snapshot-made = Compliance snapshot written: { $path } ({ $bytes } bytes), as of { $as-of }.
snapshot-states = { $total } clauses: { $met } met, { $not-met } not met, { $attested } attested, { $no-figure } without figure, { $not-measurable } not measurable.
snapshot-content = Digest of the content (SHA-256): { $digest }
snapshot-unjudged = Note: the rules have not weighed { $count } observations yet; no clause is called met before they have.
snapshot-sound = { $path } is sound: signature, { $digests } digests, evidence and the states of { $total } clauses all fit.
snapshot-said = Collector { $collector }, as of { $as-of }, made at { $made-at }.
snapshot-key-given = Checked with the public key that you gave.
snapshot-key-inside = Warning: checked only with the key inside the file: { $key }. Compare it with the one handed over, or use --key.
snapshot-altered = { $path } is NOT sound. Part altered: { $part }: { $problem }
snapshot-future = { $as-of } is in the future: a snapshot speaks only of what was known.
snapshot-bad-moment = { $found } is neither a day (2026-11-22) nor a moment (2026-11-22T03:04:05Z).
backup-made = Backup written and checked: { $path } ({ $bytes } bytes). It holds secret keys: keep it safe.
backup-sound = { $path } is sound: { $files } files, database and audit log ({ $audit } entries) hold, made at { $made-at }.
backup-altered = { $path } is NOT usable: { $problem }
file-exists = { $path } exists; it is not overwritten.
