demo-folder = Mọi thứ nằm trong một thư mục: { $folder }
demo-founding = Đang lập máy chủ thu thập: tổ chức chứng thực, cơ sở dữ liệu, quản trị viên đầu tiên…
demo-serving = Máy chủ thu thập đang chạy: QUIC { $link }, bảng điều khiển http://{ $console }
demo-enrolling = Đang ghi danh máy này bằng chuỗi ghi danh dùng một lần…
demo-watching = Tác tử đang chạy: đọc gói phần mềm, bản vá, giấy phép thật của máy này và giám sát { $watched }
demo-progress = … { $seconds } giây: đã nhận { $packages } gói phần mềm
demo-described = Máy { $host }: { $packages } gói phần mềm, { $pending } bản cập nhật đang chờ, trong đó { $security } bản vá bảo mật
demo-unknown = chưa rõ
demo-changing = Đang sửa thật một trang web mẫu: { $page }
demo-incident = SỰ CỐ { $id } [{ $severity }] { $title }
demo-clauses = Viện dẫn điều khoản: { $clauses }
demo-latency = Từ lúc ghi tệp đến lúc sự cố đứng trong bảng điều khiển: { $milliseconds } ms
demo-link = Mở bảng điều khiển bằng liên kết đăng nhập một lần (hiệu lực 1 giờ): { $link }
demo-next =
    Thử tiếp:
      echo "thử" >> { $page }      một thay đổi nữa: gộp vào cùng sự cố
      rm { $page }      xóa trang
    Dừng: Ctrl+C. Xóa thư mục { $folder } là không còn gì.
demo-stopping = Đang dừng…
demo-folder-foreign = Thư mục { $folder } có tệp không phải của bản xem thử; hãy chọn thư mục trống khác bằng --folder
demo-low = thấp
demo-medium = trung bình
demo-high = cao
demo-critical = nghiêm trọng
