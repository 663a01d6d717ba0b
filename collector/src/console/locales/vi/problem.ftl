# Lỗi mà API trả về.
problem-absent = Không có đối tượng này trong phạm vi của bạn
problem-ours = Máy chủ gặp lỗi; nhật ký của máy chủ ghi rõ nguyên nhân
problem-malformed = Không hiểu được yêu cầu
problem-stranger = Cần đăng nhập hoặc mã truy cập
problem-forbidden = Vai trò của bạn không được xem
problem-read-only = Vai trò của bạn chỉ xem
problem-if-match = Cần tiêu đề If-Match với phiên bản đã xem
problem-changed = Sự cố đã thay đổi từ lúc được xem
problem-unfit = Trạng thái của sự cố không cho phép việc này
problem-another-open = Một sự cố khác về cùng việc này đang mở
problem-note = Cần ghi chú dài từ 1 đến 4.000 ký tự
problem-password-unfit = Mật khẩu phải có ít nhất 12 ký tự
problem-password-wrong = Mật khẩu hiện tại không đúng
problem-window-over = Khung giờ này đã đóng hoặc đã hết hạn
problem-window-hours = Số giờ phải từ 1 đến 168
problem-window-reason = Cần lý do dài từ 1 đến 1.000 ký tự
problem-window-roots = Đường dẫn phải đầy đủ, không có “..”; nhiều nhất 32 đường dẫn
