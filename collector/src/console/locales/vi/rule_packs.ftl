# Gói luật và phạm vi hiệu lực.
rules-in-force = Bộ luật có hiệu lực
rules-of-folder = Luật của thư mục, hoặc luật có sẵn trong chương trình
rules-everywhere = Ở mọi nơi
rules-on-trial = Đang thử
rules-tried-in = ở
audit-rules_imported = Nhập gói luật
audit-rules_trial = Thử gói luật ở vài cơ quan
audit-rules_all = Gói luật có hiệu lực ở mọi nơi
audit-rules_withdraw = Thôi thử gói luật
audit-rules_folder = Trở về luật của thư mục
rule-plan-missing = R.PLAN.MISSING: luật chưa có kế hoạch xử lý, theo điều khoản
audit-rules_plan_missing = Luật chưa có kế hoạch xử lý
rule-plan-chip = R.PLAN.MISSING
