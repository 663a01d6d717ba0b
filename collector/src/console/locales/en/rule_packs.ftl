# Packs of rules, and where they are in force.
rules-in-force = Rule set in force
rules-of-folder = The rules of the folder, or the program's own
rules-everywhere = Everywhere
rules-on-trial = On trial
rules-tried-in = in
audit-rules_imported = Pack of rules imported
audit-rules_trial = Pack of rules tried in some agencies
audit-rules_all = Pack of rules in force everywhere
audit-rules_withdraw = Trial of a pack of rules ended
audit-rules_folder = Back to the rules of the folder
rule-plan-missing = R.PLAN.MISSING: the rule has no response plan, as asked for by the clause
audit-rules_plan_missing = Rule without a response plan
rule-plan-chip = R.PLAN.MISSING
