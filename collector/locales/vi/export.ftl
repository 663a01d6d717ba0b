# Files for other programs.
export-made = Đã ghi { $path }: { $rows } dòng hoặc gói, { $bytes } byte.
