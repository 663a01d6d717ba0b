# Lời về ảnh chụp tuân thủ và bản sao lưu.
snapshot-key = Khóa công khai của ảnh chụp tuân thủ (minisign): { $key }
snapshot-made = Đã ghi ảnh chụp tuân thủ { $path } ({ $bytes } byte), tại thời điểm { $as-of }.
snapshot-states = { $total } điều khoản: { $met } đạt, { $not-met } chưa đạt, { $attested } có xác nhận, { $no-figure } chưa có số liệu, { $not-measurable } chưa đo được.
snapshot-content = Mã băm nội dung (SHA-256): { $digest }
snapshot-unjudged = Lưu ý: còn { $count } quan sát chưa được xét theo quy tắc; không điều khoản nào được ghi là đạt khi chưa xét xong.
snapshot-sound = { $path } nguyên vẹn: chữ ký, { $digests } mã băm, chứng cứ và trạng thái { $total } điều khoản đều khớp.
snapshot-said = Máy chủ { $collector }, tại thời điểm { $as-of }, làm lúc { $made-at }.
snapshot-key-given = Đã kiểm bằng khóa công khai ông/bà đưa.
snapshot-key-inside = Cảnh báo: chỉ kiểm bằng khóa ghi trong chính tệp: { $key }. Hãy so với khóa đã bàn giao, hoặc dùng --key.
snapshot-altered = { $path } KHÔNG nguyên vẹn. Phần bị sửa: { $part }: { $problem }
snapshot-future = { $as-of } ở tương lai: ảnh chụp chỉ nói về điều đã biết.
snapshot-bad-moment = { $found } không phải ngày (2026-11-22) hay thời điểm (2026-11-22T03:04:05Z).
backup-made = Đã ghi bản sao lưu { $path } ({ $bytes } byte) và đã kiểm lại. Tệp chứa khóa bí mật: giữ nơi an toàn.
backup-sound = { $path } nguyên vẹn: { $files } tệp, cơ sở dữ liệu và nhật ký kiểm toán ({ $audit } mục) kiểm đạt, làm lúc { $made-at }.
backup-altered = { $path } KHÔNG dùng được: { $problem }
file-exists = { $path } đã có; không ghi đè.
