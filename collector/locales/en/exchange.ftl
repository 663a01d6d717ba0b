cli-incident-exported = Wrote { $path } ({ $bytes } bytes, SHA-256 { $digest }).
