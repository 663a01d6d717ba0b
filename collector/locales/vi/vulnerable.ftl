# Lời của `host vulnerabilities`.
vuln-head = Máy { $name }, hệ điều hành { $system }
vuln-feed = Theo nguồn tin { $name }, dữ liệu ngày { $dated } ({ $days } ngày tuổi)
vuln-feed-old = CẢNH BÁO: nguồn tin { $name } QUÁ CŨ, dữ liệu ngày { $dated } ({ $days } ngày tuổi)
vuln-no-inventory = Chưa có danh sách phần mềm đầy đủ của máy này: chưa kết luận được gì.
vuln-not-covered = Không nguồn tin nào nói về hệ điều hành này: danh sách trống không có nghĩa là an toàn.
vuln-with-fix = Đã có bản vá: { $count }
vuln-without-fix = Chưa biết bản vá: { $count }
vuln-unknown = Không kết luận được: { $count } gói
vuln-exploited = {"ĐANG BỊ KHAI THÁC "}
vuln-state-fixable = cập nhật được ngay
vuln-state-fixable_in_pro = chỉ có trong Ubuntu Pro
vuln-state-reboot_pending = đã vá, chờ khởi động lại
vuln-state-not_running = nhân đã cài nhưng không chạy
vuln-state-no_fix = chưa có bản vá
vuln-state-will_not_fix = nhà phát hành sẽ không vá
vuln-state-end_of_life = đã hết hỗ trợ
vuln-state-stream_untold = chưa rõ luồng mô-đun
