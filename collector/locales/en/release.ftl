# Words of `release pack|add|list|offer|halt`.
release-packed = Wrote { $path }: agent { $version } for { $platform }, signed with the key { $key }.
release-added = Took agent { $version } for { $platform } in. Nobody is offered it yet; use `release offer`.
release-everywhere = everywhere
release-offered = Order { $order } ({ $at }, { $by }): { $version } offered, { $place }, to { $percent }% of hosts: offered { $offered }, taken { $taken }, running { $upgraded }, returned { $returned }, refused { $refused }, silent { $silent }.
release-halted = Order { $order } ({ $at }, { $by }): halted, { $place }. { $reason }
release-running = { $agency }: { $hosts } hosts run version { $version }.
