# Words of `exception`.
cli-exception-made = The exception is made, number { $id }.
cli-exception-withdrawn = Exception { $id } is withdrawn.
cli-exception-none = There is no exception.
cli-exception-absent = There is no such agency, host or number.
cli-exception-over = This exception has ended or was withdrawn.
cli-exception-rule = There is no such rule.
cli-exception-conditions = At most 8 conditions, each as field=value, each field once.
cli-exception-until = The last day must be today or later, and at most { $days } days away.
cli-exception-reason = A reason is needed, of at most 1,000 characters.
cli-exception-stage-in_force = in force
cli-exception-stage-ended = ended
cli-exception-stage-withdrawn = withdrawn
