# Cấu hình
config-unreadable = không đọc được { $path }
config-unknown-key = không có khóa { $key }, các khóa được dùng: { $expected }
config-unknown-word = từ này không được dùng ở đây, các từ được dùng: { $expected }
config-wrong-type = sai kiểu giá trị ({ $found }), cần { $expected }
config-missing-key = thiếu khóa { $key }
config-not-toml = không đúng dạng TOML: { $found }
config-version = version là { $found }, cần { $expected }
config-path = { $key } phải là đường dẫn tuyệt đối, không có ..
config-out-of-range = { $key } là { $found }, cần từ { $least } đến { $most }
config-too-many = { $key } có { $found } mục, nhiều nhất { $most }
config-good = { $path }: cấu hình dùng được
config-summary = Giám sát thêm { $watch } đường dẫn, loại trừ { $exclude }; hàng đợi tối đa { $spool }

# Danh tính
identity-missing = máy này chưa ghi danh (không có { $path }); xin chuỗi ghi danh từ người quản trị rồi chạy: vonggac-agent enrol vg1:…
identity-broken = danh tính trong { $path } bị hỏng hoặc thiếu phần; ghi danh lại bằng: vonggac-agent enrol --again vg1:…
identity-sealed = khóa { $path } không mở được trên máy này: nó được niêm phong trên máy khác, trong bản cài Windows khác, hoặc đã hỏng; ghi danh lại bằng: vonggac-agent enrol --again vg1:…
state-unwritable = không ghi được vào { $path }
state-in-use = { $path } đang được một tác tử khác dùng; dừng tác tử đó trước

# Ghi danh
enrol-string = chuỗi ghi danh không dùng được
enrol-identity-stands = máy này đã ghi danh ({ $path }); muốn thay danh tính, thêm --again
enrol-failed = ghi danh không thành
enrol-no-answer = máy chủ thu thập không trả lời yêu cầu ghi danh
enrol-cut-off = kết nối bị cắt trước khi có trả lời
enrol-answer-unfit = trả lời của máy chủ thu thập không khớp với chuỗi ghi danh hoặc với khóa của máy này; không dùng
enrol-done = Đã ghi danh: máy { $host }, cơ quan { $agency }.
enrol-approved = Máy được làm việc ngay. Dịch vụ đã cài sẽ tự chạy (nếu không cài dịch vụ: vonggac-agent run).
enrol-waiting = Máy chờ người có thẩm quyền duyệt trên bảng điều khiển; dịch vụ có thể chạy ngay, dữ liệu được giữ tại máy cho đến khi duyệt.

# Kết nối, theo tầng
dial-name = không tìm được địa chỉ của { $address } (tên miền, DNS)
dial-route = máy này không có đường mạng tới { $address }
dial-silent = { $address } không trả lời qua UDP; kiểm tra tường lửa và cổng UDP
dial-silent-tcp = { $address } không trả lời qua TCP; kiểm tra tường lửa và cổng TCP
dial-silent-both = { $address } không trả lời qua UDP lẫn TCP; kiểm tra tường lửa và số cổng đó ở cả hai
dial-pin = máy trả lời tại { $address } không phải máy chủ thu thập đã ghim; không gửi gì. Có thể có kẻ đứng giữa, hoặc chuỗi ghi danh đã cũ
dial-clock = chứng thư số của { $address } chưa hoặc không còn hiệu lực theo đồng hồ máy này; kiểm tra giờ của máy
dial-certificate = chứng thư số của { $address } không dùng được
dial-handshake = { $address } có trả lời nhưng bắt tay không thành
link-ended = kết nối bị cắt

# Từ chối
refusal-identity-revoked = danh tính của máy này đã bị thu hồi hoặc không phải của máy chủ thu thập này; cần ghi danh lại
refusal-waiting-for-approval = máy đang chờ người có thẩm quyền duyệt
refusal-version-unknown = phiên bản tác tử quá cũ hoặc quá mới so với máy chủ thu thập
refusal-limit-broken = máy này đã vượt một giới hạn của máy chủ thu thập
refusal-malformed = máy chủ thu thập không hiểu điều máy này gửi
refusal-token-unknown = mã trong chuỗi ghi danh không tồn tại
refusal-token-used = mã trong chuỗi ghi danh đã dùng hết; xin chuỗi mới
refusal-token-expired = mã trong chuỗi ghi danh đã hết hạn; xin chuỗi mới
refusal-token-of-another-agency = mã trong chuỗi ghi danh thuộc cơ quan khác
refusal-identity-held = cùng danh tính này đến từ hai máy; cả hai bị giữ lại cho đến khi có người quyết định
refusal-busy = máy chủ thu thập đang bận; sẽ thử lại
refusal-request-unusable = máy chủ thu thập không dùng được yêu cầu chứng thư số
refusal-certificate-expired = chứng thư số của máy này đã hết hạn quá lâu hoặc đã được thay bằng chứng thư mới hơn; hãy ghi danh lại máy
refusal-machine-forbidden = máy này thuộc danh sách máy không bao giờ được ghi danh; không có gì trên máy được giám sát. Nếu nhầm, đề nghị quản trị viên máy chủ thu thập đưa máy ra khỏi danh sách
never-enrol = máy này có tệp { $path }: không bao giờ được ghi danh hay kết nối; không có gì được gửi đi
fingerprint-hardware = phần cứng (nên dùng)
fingerprint-installation = bản cài đặt hệ điều hành
fingerprint-serial = số sê-ri
fingerprint-none = không đọc được dấu vân tay nào của máy này; hãy chạy với quyền root, hoặc cấm theo tên máy

# Chạy
run-stopped = tác tử đã dừng
run-failed = tác tử dừng vì lỗi

# Tình trạng
status-missing = Chưa có tình trạng: tác tử chưa chạy lần nào ở { $path }.
status-running = Tác tử đang chạy (phiên bản { $version }, tiến trình { $process }), từ { $since }.
status-not-running = Tác tử KHÔNG chạy; dưới đây là tình trạng lúc { $at }.
status-host = Máy { $host }, cơ quan { $agency }.
status-certificate = Chứng thư số dùng đến { $until }, cấp lúc { $issued }; tự gia hạn.
status-apart = Phần nói chuyện với mạng chạy tách riêng: không có đặc quyền, không mở được tệp nào ngoài tệp của tác tử.
status-apart-partly = Phần nói chuyện với mạng chạy tách riêng: không có đặc quyền, không mở được tệp nào ngoài tệp của tác tử; nhân hệ điều hành quá cũ cho vài quy tắc.
status-apart-rights = Phần nói chuyện với mạng chạy không có đặc quyền; nhân hệ điều hành này không ngăn được nó mở tệp (thiếu Landlock).
status-apart-not-available = Phần nói chuyện với mạng chưa được tách riêng: tác tử trên hệ điều hành này không làm được.
status-apart-failed = Phần nói chuyện với mạng KHÔNG được tách riêng: hệ thống từ chối; xem nhật ký.
status-connected = Đang kết nối với { $address } từ { $since }.
status-connected-tcp = Đang kết nối với { $address } qua TCP từ { $since }: UDP bị chặn trên đường.
status-disconnected = KHÔNG kết nối với { $address } từ { $since }: { $reason }
status-never-connected = Chưa kết nối lần nào với { $address }: { $reason }
status-connecting = đang thử
status-queue = Hàng đợi: { $prompt } bản ghi gấp, { $bulk } bản ghi thường chờ gửi; { $bytes } trên đĩa, tối đa { $max }.
status-losses = Mất mát: { $dropped } bản ghi phải bỏ vì hết chỗ, { $watch } lần giám sát tệp bị ngắt quãng.
status-last-sent = Gửi gần nhất: { $at } (xem nội dung: vonggac-agent show --last).
status-nothing-sent = Chưa gửi gì.
status-wire-today = Hôm nay (giờ Việt Nam): truyền { $moved }, không đặt hạn mức ngày; báo còn sống mỗi { $beat } giây, địa chỉ bên ngoài đã đổi { $moves } lần.
status-wire-budget = Hôm nay (giờ Việt Nam): truyền { $moved } trên hạn mức { $budget }; báo còn sống mỗi { $beat } giây, địa chỉ bên ngoài đã đổi { $moves } lần.
status-wire = Đường truyền từ lúc chạy: gửi { $sent }, nhận { $received } (kể cả phần đầu IP, UDP).
status-use = Bộ nhớ { $memory } (mức cảnh báo { $most }); CPU đã dùng { $processor } giây trong { $uptime } giây, bằng { $share } % một nhân (quét được dùng { $scan } %).
status-baseline = Đường cơ sở: { $paths } đường dẫn ({ $bytes }); loại trừ { $exclusions } mục.
status-watch = Cách giám sát (yếu nhất trong các đường dẫn): { $mode }
status-scan-first = Đang ghi nhận lần đầu từ { $since }: đã gặp { $paths } đường dẫn, đã đọc { $bytes }.
status-scan-again = Đang quét từ { $since }: đã gặp { $paths } đường dẫn, đã đọc { $bytes }.
status-scanned = Mọi đường dẫn được giám sát đã được quét từ khi khởi động; thay đổi được báo ngay khi xảy ra.
status-not-scanned = Chưa quét hết các đường dẫn được giám sát từ khi khởi động.
watch-file-system = cả hệ tệp (fanotify), biết ai làm.
watch-directories = từng thư mục (inotify), không biết ai làm.
watch-scan-only = chỉ quét định kỳ, không báo ngay.
status-problem = Có vấn đề: { $problem }
status-good = Không có vấn đề.
problem-stands-still = tác tử đang chạy nhưng nhiều phút nay không có dấu hiệu gì: nó bị dừng lại, hoặc đang chờ chỗ trống trên đĩa đã đầy; hãy chạy doctor
problem-not-running = tác tử không chạy
problem-disconnected = không kết nối được với máy chủ thu thập; dữ liệu được giữ tại máy
problem-spool-nearly-full = hàng đợi đã đầy hơn 80 %
problem-certificate-ending = chứng thư số sắp hết hạn mà chưa gia hạn được; xem nhật ký, và xem máy chủ thu thập có chạy và đã nâng cấp chưa
problem-dropped = có bản ghi phải bỏ vì hàng đợi đầy
problem-sensor = bộ phận thu thập { $sensor } không làm việc được
problem-disk = không ghi được vào đĩa; xem nhật ký
problem-assignment = yêu cầu giám sát từ máy chủ thu thập bị từ chối vì không hợp lệ
problem-memory = tác tử dùng nhiều bộ nhớ hơn mức memory_max_mib; không gì bị cắt ở mức này, giới hạn thật là MemoryMax của dịch vụ

# Gửi gần nhất
show-nothing = Chưa có gì rời khỏi máy này.

# Khám
doctor-identity = Danh tính
doctor-disk = Đĩa
doctor-disk-good = những gì thấy được có thể lưu lại
doctor-disk-bad = không ghi được vào { $path }: đĩa đầy, hay chỉ cho đọc?
doctor-name = Tên miền (DNS)
doctor-route = Đường mạng
doctor-udp = UDP (hoặc TCP)
doctor-pin = Máy chủ đã ghim
doctor-clock = Đồng hồ
doctor-certificate = Chứng thư số
doctor-approval = Được duyệt
doctor-good = [ tốt ] { $layer }: { $detail }
doctor-bad = [ LỖI ] { $layer }: { $detail }
doctor-skipped = [  –  ] { $layer }: chưa kiểm tra được
doctor-all-good = Mọi tầng đều tốt.
doctor-first-bad = Tầng hỏng đầu tiên: { $layer }.
doctor-addresses = { $found }
doctor-from = máy này gửi từ { $found }
doctor-answers = { $address } trả lời sau { $millis } ms
doctor-answers-tcp = UDP BỊ CHẶN tới { $address }, TCP dùng được ({ $millis } ms): tác tử đi qua TCP; mở cổng UDP đó để tốn ít lưu lượng hơn
doctor-pin-good = đúng máy chủ thu thập đã ghim
doctor-clock-offset = đồng hồ máy này lệch { $seconds } giây so với máy chủ thu thập
doctor-clock-valid = giờ máy nằm trong hạn của chứng thư số
doctor-welcome = máy chủ thu thập chấp nhận danh tính
doctor-welcome-until = máy chủ thu thập chấp nhận danh tính; chứng thư số dùng đến { $until }, cấp lúc { $issued }
doctor-by-status = theo tác tử đang chạy
doctor-accepted = được làm việc
doctor-certificate-refused = máy chủ thu thập không chấp nhận chứng thư số của máy này

# Một thư mục, một lần
files-created = Đã ghi: { $paths } đường dẫn, { $bytes } nội dung trong { $seconds } giây; { $unreadable } không đọc được. Mã băm chung: { $digest }
files-same = Không có khác biệt: đã so { $paths } đường dẫn trong { $seconds } giây; { $unreadable } không đọc được.
files-differ = { $differences } khác biệt; đã so { $paths } đường dẫn trong { $seconds } giây; { $unreadable } không đọc được.
files-line-created = MỚI       { $path }
files-line-modified = SỬA       { $path }
files-line-metadata = THUỘC TÍNH { $path }
files-line-deleted = XÓA       { $path }
files-part-kind = loại { $before } -> { $after }
files-part-size = byte { $before } -> { $after }
files-part-content = SHA-256 { $before }… -> { $after }…
files-part-target = trỏ tới { $before } -> { $after }
files-part-mode = quyền { $before } -> { $after }
files-part-owner = chủ { $before } -> { $after }
files-part-group = nhóm { $before } -> { $after }
files-part-attributes = thuộc tính mở rộng { $before } -> { $after }
files-part-modified = sửa lúc { $before } -> { $after }
files-kind-file = tệp
files-kind-directory = thư mục
files-kind-link = liên kết
files-kind-other = thiết bị, socket hoặc ống
files-unknown = không biết
files-none = không có
files-difference = Khác biệt lúc { $at } (SHA-256 { $digest }):
files-no-difference = Chưa giữ khác biệt nào của tệp này; tệp phải được khai trong [[text]] của cấu hình và đã đổi từ đó.
files-no-folder = không có thư mục này
files-excluded = thư mục bị cấu hình loại trừ, hoặc là khung nhìn của nhân hệ điều hành
files-taken = tệp đã giữ đường cơ sở của thư mục này; xóa nó hoặc nêu tệp khác
files-no-baseline = không có đường cơ sở trong tệp
files-other-folder = đường cơ sở không phải của thư mục này, hoặc chưa ghi xong; chạy files create trước
files-damaged = đường cơ sở bị hỏng; đã đổi tên thành { $path }
files-failed = không xem xét được thư mục

# Dịch vụ
service-by-system = trên hệ thống này dịch vụ do gói cài đặt và systemd quản lý: systemctl status vonggac-agent
service-denied = cần quyền quản trị: mở cửa sổ lệnh bằng "Run as administrator" rồi chạy lại
service-refused = trình quản lý dịch vụ từ chối
service-folder = thư mục cấu hình của tác tử do tài khoản khác tạo ra hoặc là một liên kết; không tin được gì trong đó: hãy xóa, rồi cài lại
service-installed = Đã cài dịch vụ, tự chạy cùng máy: { $path }. Chạy ngay: vonggac-agent service start
service-part-refused = Hệ thống không nhận một phần cài đặt dịch vụ: { $what } (mã { $code }).
service-started = Dịch vụ đang chạy.
service-stopped = Dịch vụ đã dừng.
service-missing = Dịch vụ chưa được cài: vonggac-agent service install
service-is-stopped = Dịch vụ KHÔNG chạy; lần trước kết thúc với mã { $code }.
service-is-starting = Dịch vụ đang khởi động (tiến trình { $process }).
service-is-running = Dịch vụ đang chạy (tiến trình { $process }).
service-is-stopping = Dịch vụ đang dừng (tiến trình { $process }).
service-removed = Đã gỡ dịch vụ.
service-kept = Danh tính, hàng đợi và cấu hình được giữ lại ở { $path }.
service-left = Tệp này đang được dùng, hãy xóa sau: { $path }

# Chờ danh tính
waiting-nothing = Dịch vụ chờ ghi danh: chưa có chuỗi ghi danh nào. Chạy: vonggac-agent enrol vg1:…
waiting-nothing-more = Dịch vụ chờ chuỗi ghi danh khác: chuỗi đã nhận không dùng được. Chạy: vonggac-agent enrol vg1:…
waiting-installer = Dịch vụ sắp ghi danh bằng chuỗi nhận lúc cài đặt (lúc { $at }).
waiting-policy = Dịch vụ sắp ghi danh bằng chuỗi của chính sách miền (lúc { $at }).
waiting-installer-again = Dịch vụ chưa ghi danh được bằng chuỗi nhận lúc cài đặt; thử lại lúc { $at }
waiting-policy-again = Dịch vụ chưa ghi danh được bằng chuỗi của chính sách miền; thử lại lúc { $at }

# Phiên bản của tác tử
upgrade-installed = Do gói cài đặt đưa vào: { $version }
upgrade-trial = Đang chạy thử, chưa báo về: { $version }
upgrade-settled = Đang chạy, đến từ nâng cấp: { $version }
upgrade-previous = Được giữ lại, phiên bản trước: { $version }
upgrade-none = Không có phiên bản nâng cấp nào: chương trình đã cài đang chạy.
upgrade-unwanted = Người quản trị máy này đã bỏ, không nhận lại: { $version }
upgrade-back-waits = Lệnh trở về từ { $version } đang chờ dịch vụ thực hiện.
upgrade-denied = cần quyền quản trị (Linux: sudo; Windows: "Run as administrator")
upgrade-unkept = không đọc hoặc ghi được thư mục trạng thái; đĩa có đầy không?
upgrade-nothing-before = Không có gì để trở về: chương trình đã cài { $version } đang chạy. Muốn bản cũ hơn, hãy cài gói của bản đó.
upgrade-back-asked = Trở về từ { $from } xuống { $to }: { $from } sẽ được dừng trong vài giây.
upgrade-back-done = Xong: { $from } không chạy nữa, { $to } chạy thay. Máy chủ thu thập được báo; máy này không nhận lại { $from }.
upgrade-back-at-start = Đã ghi nhận: dịch vụ hiện không chạy { $from }; { $to } sẽ chạy khi dịch vụ khởi động lần tới.
upgrade-back-not-yet = dịch vụ chưa thực hiện; lệnh trở về từ { $from } đã được giữ và chậm nhất sẽ thực hiện ở lần khởi động tới: hãy khởi động lại dịch vụ
