"""Applications to take part (利用申請): drafted by a link, submitted, screened, decided by another person, admitted.

An application is the operator's until it is admitted: nobody of the applicant's has an account before that. Whoever
holds the link of one may fill it in and read where it stands. Not here: the link's secret, pages and mails (admin).
"""
