# Lời của `release pack|add|list|offer|halt`.
release-packed = Đã ghi { $path }: tác tử { $version } cho { $platform }, ký bằng khóa { $key }.
release-added = Đã nhập tác tử { $version } cho { $platform }. Chưa máy nào được mời; dùng `release offer`.
release-everywhere = mọi nơi
release-offered = Lệnh { $order } ({ $at }, { $by }): mời { $version } ở { $place } cho { $percent }% máy: đã mời { $offered }, đã tải { $taken }, đang chạy { $upgraded }, trở về { $returned }, từ chối { $refused }, im lặng { $silent }.
release-halted = Lệnh { $order } ({ $at }, { $by }): dừng ở { $place }. { $reason }
release-running = { $agency }: { $hosts } máy chạy phiên bản { $version }.
