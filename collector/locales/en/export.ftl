# Files for other programs.
export-made = Wrote { $path }: { $rows } rows or packages, { $bytes } bytes.
