# Lời của `rules pack|import|packs|rollout|withdraw`.
rules-packed = Đã ghi { $path }: { $rules } luật, ký bằng khóa { $key }.
rules-imported = Đã nhập gói { $name } { $version }: { $rules } luật. Gói chưa có hiệu lực; dùng `rules rollout`.
rules-no-pack = Không có gói { $name } { $version }.
rules-all-pack = Có hiệu lực ở mọi nơi: { $pack }.
rules-all-folder = Có hiệu lực ở mọi nơi: luật của thư mục, hoặc luật có sẵn trong chương trình.
rules-trial = Đang thử { $pack } ở: { $agencies }.
rules-pack-older = Gói bị từ chối: { $name } { $version } không mới hơn { $held } đã nhập trước.
rules-plan-missing = { $path }:{ $line }: { $code }: luật { $rule } chưa có kế hoạch xử lý, điều khoản { $clause } yêu cầu. Luật vẫn có hiệu lực; thêm mục `plan`.
