# Sổ bản quyền và cân đối / ledgers and balances
entitlement-file-size = Tệp có { $found } byte, nhiều nhất là { $most }.
entitlement-refused = Có { $count } lỗi: không nhập dòng nào.
entitlement-would = Sẽ thêm { $added }, đổi { $changed }, bỏ { $removed }, giữ { $same } dòng của { $agency }. Chưa làm gì: thêm --apply để thực hiện.
entitlement-applied = Đã thêm { $added }, đổi { $changed }, bỏ { $removed }, giữ { $same } dòng của { $agency }.
entitlement-same = Sổ của { $agency } đã đúng như tệp ({ $same } dòng): không có gì thay đổi.
entitlement-none = Chưa nhập sổ bản quyền nào.
entitlement-heading = cơ quan	sản phẩm	ấn bản	phiên bản tối đa	hình thức	số lượng	từ ngày	đến ngày	hợp đồng	tình trạng
entitlement-standing-valid = còn hạn
entitlement-standing-expired = đã hết hạn
entitlement-standing-not-yet = chưa bắt đầu
licence-balance-heading = cơ quan	sản phẩm	tên	đã cài	được dùng	vượt	chưa dùng	hết hạn
licence-balance-sum = { $whose }: { $installed } bản cài cần bản quyền, { $over } chưa ghi nhận bản quyền ({ $percent }); { $activators } máy có dấu vết công cụ kích hoạt.
licence-caution = “Vượt” là chưa ghi nhận quyền sử dụng, chưa phải kết luận vi phạm.
licence-share = { $whose }: nguồn mở theo giấy phép { $strict }, tính cả danh mục kế hoạch { $wide } (trên { $of } gói biết loại, { $unknown } gói chưa biết; { $machines } máy, { $unmeasured } chưa có số liệu). Máy chủ dùng hệ điều hành nguồn mở: { $systems }/{ $servers }.
licence-tools-heading = công cụ	máy trạm có bản nguồn mở	tỷ lệ chặt	máy trạm có	tỷ lệ rộng	trên số máy trạm
licence-not-open = không phải nguồn mở theo giấy phép
licence-products-heading = sản phẩm	tên	máy trạm	tỷ lệ
licence-estimate = { $whose }: ước tính nếu thay đổi { $machines } máy
licence-estimate-clients = Máy trạm có phần mềm (ước tính): { $before } → { $after }
licence-estimate-strict = Nguồn mở theo giấy phép (ước tính): { $before } → { $after }
licence-estimate-wide = Nguồn mở tính cả danh mục kế hoạch (ước tính): { $before } → { $after }
licence-estimate-over = Chưa ghi nhận bản quyền (ước tính): { $before } → { $after }
licence-no-product = Danh mục không có sản phẩm “{ $found }”; gần nhất: { $close }
licence-replace-form = Cần dạng CŨ=MỚI, gặp “{ $found }”
