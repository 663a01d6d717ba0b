# Lời của `risk`.
cli-risk-accepted = Đã chấp nhận rủi ro, số { $id }.
cli-risk-withdrawn = Đã rút lại việc chấp nhận rủi ro số { $id }.
cli-risk-none = Không có rủi ro nào được chấp nhận.
cli-risk-absent = Không có cơ quan, máy hoặc số này.
cli-risk-over = Việc chấp nhận này đã hết hạn hoặc đã được rút lại.
cli-risk-name = Cần mã CVE hoặc mã thông báo, không có khoảng trắng.
cli-risk-package = Cần tên gói như thông báo gọi.
cli-risk-until = Ngày cuối phải từ hôm nay và không quá { $days } ngày nữa.
cli-risk-reason = Cần có lý do, dài không quá 1.000 ký tự.
cli-risk-stage-in_force = đang hiệu lực
cli-risk-stage-ended = đã hết hạn
cli-risk-stage-withdrawn = đã rút lại
vuln-accepted = Đã chấp nhận rủi ro: { $count }
vuln-accepted-until = { $name } chấp nhận đến hết ngày { $day } bởi { $by }: { $reason }
