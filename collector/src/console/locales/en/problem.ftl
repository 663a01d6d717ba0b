# Errors that the API answers with.
problem-absent = There is no such thing in your view
problem-ours = The server failed; its log tells why
problem-malformed = The request cannot be understood
problem-stranger = A session or a token is needed
problem-forbidden = Your role may not see this
problem-read-only = Your role reads only
problem-if-match = The header If-Match with the version you looked at is needed
problem-changed = The incident has changed since it was looked at
problem-unfit = The state of the incident does not allow this
problem-another-open = Another incident about the same matter is open
problem-note = A note of 1 to 4,000 characters is needed
problem-password-unfit = A password has at least 12 characters
problem-password-wrong = The present password is wrong
problem-window-over = This window was closed or has expired
problem-window-hours = Hours must be 1 to 168
problem-window-reason = A reason of 1 to 1,000 characters is needed
problem-window-roots = Paths must be whole, without “..”; 32 at most
