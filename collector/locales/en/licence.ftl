# Ledgers and balances
entitlement-file-size = The file has { $found } bytes, at most { $most } are accepted.
entitlement-refused = { $count } mistakes: no line was imported.
entitlement-would = Would add { $added }, change { $changed }, remove { $removed } and keep { $same } lines of { $agency }. Nothing was done: add --apply to do it.
entitlement-applied = Added { $added }, changed { $changed }, removed { $removed } and kept { $same } lines of { $agency }.
entitlement-same = The ledger of { $agency } is as the file already ({ $same } lines): nothing changed.
entitlement-none = No ledger was imported yet.
entitlement-heading = agency	product	edition	newest version	metric	quantity	from	until	contract	standing
entitlement-standing-valid = valid
entitlement-standing-expired = expired
entitlement-standing-not-yet = not begun
licence-balance-heading = agency	product	name	installed	entitled	over	unused	expired
licence-balance-sum = { $whose }: { $installed } installations need an entitlement, { $over } have none on record ({ $percent }); { $activators } hosts with traces of an activator.
licence-caution = "Over" means that no entitlement is on record; it is not a verdict.
licence-share = { $whose }: open source by licence { $strict }, with the plan's list { $wide } (of { $of } packages of known class, { $unknown } unknown; { $machines } hosts, { $unmeasured } without figures). Servers with an open-source system: { $systems }/{ $servers }.
licence-tools-heading = tool	clients with an open-source one	strict share	clients with it	wide share	of clients
licence-not-open = not open source by its licence
licence-products-heading = product	name	clients	share
licence-estimate = { $whose }: estimate of changing { $machines } hosts
licence-estimate-clients = Clients with the software (estimate): { $before } → { $after }
licence-estimate-strict = Open source by licence (estimate): { $before } → { $after }
licence-estimate-wide = Open source with the plan's list (estimate): { $before } → { $after }
licence-estimate-over = Without an entitlement on record (estimate): { $before } → { $after }
licence-no-product = The catalogue has no product "{ $found }"; nearest: { $close }
licence-replace-form = Expected OLD=NEW, found "{ $found }"
