"""States of an application, and the words of its form, its screening and its decision. Pure."""

from __future__ import annotations

from typing import Final

from governance.kernel.labels import LabelledEnum
from tenancy.tenants.states import TenantKind


class ApplicationState(LabelledEnum):
    """Where an application stands."""

    DRAFT = "draft", "下書き", "draft"
    SUBMITTED = "submitted", "受付済み", "submitted"
    SCREENING = "screening", "審査中", "being screened"
    SENT_BACK = "sent-back", "差戻し", "sent back"
    APPROVED = "approved", "承認", "approved"
    REJECTED = "rejected", "不承認", "rejected"
    WITHDRAWN = "withdrawn", "取下げ", "withdrawn"
    ADMITTED = "admitted", "参加手続へ", "handed to onboarding"


EDITABLE_STATES: Final = (ApplicationState.DRAFT, ApplicationState.SENT_BACK)
"""States in which its applicant changes what it says."""

SCREENED_STATES: Final = (ApplicationState.SUBMITTED, ApplicationState.SCREENING)
"""States in which the operator screens it and a decision is possible."""

OPEN_STATES: Final = (*EDITABLE_STATES, *SCREENED_STATES, ApplicationState.APPROVED)
"""States of an application that is not over."""


class AwaitedParty(LabelledEnum):
    """Whom an application waits for."""

    APPLICANT = "applicant", "申請者", "the applicant"
    SCREENER = "screener", "県の担当者（審査）", "the operator's staff (screening)"
    DECIDER = "decider", "県の承認者（決定）", "the operator's approver (decision)"
    ONBOARDING = "onboarding", "県の担当者（参加手続）", "the operator's staff (onboarding)"
    NOBODY = "nobody", "なし", "nobody"


class ApplicantKind(LabelledEnum):
    """What an applicant is. A prefecture is no applicant: it operates."""

    CITY = "city", "市", "city"
    TOWN = "town", "町", "town"
    VILLAGE = "village", "村", "village"
    UNION = "union", "一部事務組合・広域連合", "union"
    COMPANY = "company", "企業", "company"
    ASSOCIATE = "associate", "準参加団体", "associate"

    @property
    def tenant_kind(self) -> TenantKind:
        """The kind of the tenant that the applicant becomes."""
        return TenantKind(self.value)

    @property
    def is_municipality(self) -> bool:
        """Whether it is in the table of municipalities."""
        return self in (ApplicantKind.CITY, ApplicantKind.TOWN, ApplicantKind.VILLAGE)


class ServiceWanted(LabelledEnum):
    """What an applicant wants to use."""

    CATALOGUE = "catalogue", "データカタログ", "data catalogue"
    DASHBOARD = "dashboard", "ダッシュボード", "dashboard"
    API_READ = "api-read", "データ連携API（取得）", "data API (read)"
    API_WRITE = "api-write", "データ連携API（登録）", "data API (write)"


class NetworkEgress(LabelledEnum):
    """From which network an applicant's people and systems come."""

    LGWAN = "lgwan", "LGWAN", "LGWAN"
    FIXED = "fixed", "インターネット（固定のIPアドレス）", "the internet, from fixed addresses"
    VARIABLE = "variable", "インターネット（固定でない）", "the internet, from changing addresses"


class ApplicantLanguage(LabelledEnum):
    """The language of the mails to an applicant."""

    JAPANESE = "ja", "日本語", "Japanese"
    ENGLISH = "en", "英語", "English"


class CheckName(LabelledEnum):
    """What is checked of an application by itself, from facts."""

    CODE = (
        "code",
        "団体コードと名称が、市町村の一覧と一致する",
        "the code and name are those of the list",
    )
    NOT_A_TENANT = "not-a-tenant", "まだ参加団体として登録されていない", "it is not a tenant yet"
    NO_OTHER = "no-other", "同じ団体のほかの申請がない", "there is no other application of the same body"
    MAIL_DOMAIN = "mail-domain", "メールアドレスが地方公共団体のドメインのものである", "the mail addresses are of lg.jp"
    TERMS = "terms", "いま必要な協定・規約のすべてに同意している", "it agreed to all that is required now"
    DECLARATION = "declaration", "反社会的勢力でないことを誓約している", "it declared to be no anti-social force"
    FIRST_DAY = "first-day", "利用開始の希望日が過ぎていない", "the first day it wants is not over"
    EGRESS = "egress", "接続元の IP アドレスが記入されている", "the addresses it comes from are given"
    ATTACHMENT = "attachment", "添付書類がある", "there is an attachment"


class CheckResult(LabelledEnum):
    """What a check came to. `fails` keeps an application from being approved; `look` asks a person to look."""

    PASSES = "passes", "適合", "passes"
    LOOK = "look", "要確認", "to be looked at"
    FAILS = "fails", "不適合", "fails"
    NOT_APPLICABLE = "not-applicable", "対象外", "not applicable"


class Attestation(LabelledEnum):
    """What the person who screens states to have checked."""

    REPRESENTATIVE = "representative", "代表者の意思による申請である", "the representative wants it"
    CONTACT = "contact", "連絡先に電話などで本人を確かめた", "the contact was reached and confirmed"
    PURPOSE = "purpose", "利用目的が基盤の目的に合う", "the purpose fits that of the platform"
    VOLUME = "volume", "予定する人数と利用量を受け入れられる", "the planned people and volume can be taken in"


class Conclusion(LabelledEnum):
    """What is decided about an application."""

    APPROVE = "approve", "承認する", "approve"
    SEND_BACK = "send-back", "差し戻す", "send back"
    REJECT = "reject", "承認しない", "reject"


OUTCOME_STATES: Final = {
    Conclusion.APPROVE: ApplicationState.APPROVED,
    Conclusion.SEND_BACK: ApplicationState.SENT_BACK,
    Conclusion.REJECT: ApplicationState.REJECTED,
}
"""What is decided → the state that follows."""


class Ground(LabelledEnum):
    """Why an application is sent back or rejected; several at once."""

    CODE_OR_NAME = "code-or-name", "団体コードまたは名称の誤り", "the code or name is wrong"
    REPRESENTATIVE = "representative", "代表者の職・氏名の誤り", "the representative is wrong"
    CONTACT = "contact", "連絡先・管理者の不備", "the contact or the administrators are incomplete"
    PURPOSE = "purpose", "利用目的・利用サービスの説明の不足", "the purpose or the services are not explained"
    VOLUME = "volume", "予定する人数・利用量の確認が必要", "the planned people or volume are unclear"
    EGRESS = "egress", "接続元ネットワークの不備", "the network is incomplete"
    TERMS = "terms", "協定・規約への同意の不足", "an agreement is not accepted"
    ATTACHMENT = "attachment", "添付書類の不足・不備", "an attachment is missing or wrong"
    NOT_ELIGIBLE = "not-eligible", "参加できる団体に当たらない", "the body cannot take part"
    OTHER = "other", "その他", "other"


class MailOccasion(LabelledEnum):
    """When an applicant gets a mail."""

    BEGUN = "begun", "下書きの作成", "a draft was begun"
    LINK = "link", "リンクの再送", "the link was sent again"
    SUBMITTED = "submitted", "受付", "it was submitted"
    APPROVED = "approved", "承認", "it was approved"
    SENT_BACK = "sent-back", "差戻し", "it was sent back"
    REJECTED = "rejected", "不承認", "it was rejected"
    WITHDRAWN = "withdrawn", "取下げ", "it was withdrawn"
