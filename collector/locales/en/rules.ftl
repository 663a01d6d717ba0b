# Words of `rules pack|import|packs|rollout|withdraw`.
rules-packed = { $path } is written: { $rules } rules, signed with the key { $key }.
rules-imported = The pack { $name } { $version } is taken: { $rules } rules. It judges nobody yet; use `rules rollout`.
rules-no-pack = There is no pack { $name } { $version }.
rules-all-pack = In force everywhere: { $pack }.
rules-all-folder = In force everywhere: the rules of the folder, or the program's own.
rules-trial = Tried: { $pack } in { $agencies }.
rules-pack-older = The pack is refused: { $name } { $version } is not newer than { $held }, which was taken before.
rules-plan-missing = { $path }:{ $line }: { $code }: the rule { $rule } has no response plan, which the clause { $clause } asks for. It judges all the same; add `plan`.
