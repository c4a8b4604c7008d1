"""Where tenancy and billing meet: the plan of a cohort, the drift report, what each kind of job does."""
