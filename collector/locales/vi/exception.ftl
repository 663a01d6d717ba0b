# Lời của `exception`.
cli-exception-made = Đã lập ngoại lệ số { $id }.
cli-exception-withdrawn = Đã rút lại ngoại lệ số { $id }.
cli-exception-none = Không có ngoại lệ nào.
cli-exception-absent = Không có cơ quan, máy hoặc số này.
cli-exception-over = Ngoại lệ này đã hết hạn hoặc đã được rút lại.
cli-exception-rule = Không có luật này.
cli-exception-conditions = Nhiều nhất 8 điều kiện, mỗi điều kiện dạng trường=giá trị, mỗi trường một lần.
cli-exception-until = Ngày cuối phải từ hôm nay và không quá { $days } ngày nữa.
cli-exception-reason = Cần có lý do, dài không quá 1.000 ký tự.
cli-exception-stage-in_force = đang hiệu lực
cli-exception-stage-ended = đã hết hạn
cli-exception-stage-withdrawn = đã rút lại
