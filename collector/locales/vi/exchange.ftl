cli-incident-exported = Đã ghi { $path } ({ $bytes } byte, SHA-256 { $digest }).
