"""The morning mail of what waits for a person, for who has asked for it: the rows of 対応待ち, and nothing else.

On working days from eight o'clock in Japan. Each round hands the people whose morning it is to jobs, in the transaction
that notes the morning with them; a worker that was down does so once when it is back, on that day or for the week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from markupsafe import Markup

from admin.workflows.jobs import Handler
from admin.workflows.tasks import Requestable, Task, tasks
from admin.workflows.waiting import OWN_SECTIONS, count_waiting, waiting
from billing.notices.due import is_business_day
from governance import outbox
from governance.actors import Actor, ActorKind
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR
from governance.kernel.era import date_notation
from governance.kernel.errors import Language
from governance.kernel.field_types import JST_DATE
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.people.queries import PRESENT_STATES, member
from tenancy.preferences.digests import MAIL_DIGEST, claim_digests, mark_digest_sent, unmark_digest_sent
from tenancy.preferences.queries import saved_preferences
from tenancy.preferences.states import DigestFrequency, ScreenLanguage
from tenancy.tenants.states import STATE_EFFECTS

SENT_FROM: Final = time(8)
"""In Japan."""
MAX_A_ROUND: Final = 200

SUBJECT: Final = Label("【Moyai】対応待ちが{number}件あります", "[Moyai] {number} waiting for you")
GREETING: Final = Label("{tenant} {name} 様", "{name}, {tenant}")
SUMMARY: Final = Label(
    "{day}の朝の時点で、対応待ちが{number}件あります。", "{number} waiting for you on the morning of {day}."
)
TO_TASKS: Final = Label("対応待ちを開く", "Open what waits")
LOG_IN: Final = Label("開くには、いつものログインが必要です。", "You will be asked to log in as usual.")
WHY: Final = Label(
    "このメールは、設定で「対応待ちのお知らせメール: {frequency}」を選んでいるため届いています。",
    "You get this mail because your preferences say “Mail about what waits for you: {frequency}”.",
)
TO_PREFERENCES: Final = Label("設定を変える", "Change your preferences")
DUE: Final = Label("期限 {day}", "due {day}")
SINCE: Final = Label("{day}から", "since {day}")

SendMail = Callable[[str, str, str, str], None]
"""Recipient, subject, text, HTML. Raises OSError where the mail is not taken."""


@dataclass(frozen=True, slots=True)
class Mornings:
    """What a working day's morning is for: daily mails from `day` on, weekly ones from `week` on."""

    day: datetime
    week: datetime


def mornings(now: datetime) -> Mornings | None:
    """The mornings that mails are due for at this instant; None on holidays and before eight. Pure.

    A week's morning is its first working day's: where Monday is a holiday, Tuesday's.
    """
    here = now.astimezone(JST)
    today = here.date()
    if here.time() < SENT_FROM or not is_business_day(today):
        return None
    week = (today - timedelta(days=days) for days in range(today.weekday(), -1, -1))
    return Mornings(_morning(today), _morning(next(day for day in week if is_business_day(day))))


def _morning(day: date) -> datetime:
    return datetime.combine(day, SENT_FROM, JST)


def enqueue_digests() -> None:
    """One round: a job for each person whose morning it is and who has none for it yet."""
    now = clock.now()
    due = mornings(now)
    if due is None:
        return
    with system_transaction(OPERATOR) as session:
        for one in claim_digests(session, due.day, due.week, limit=MAX_A_ROUND):
            payload = {
                "person_id": str(one.person_id),
                "tenant_id": str(one.tenant_id),
                "day": str(clock.jst_date(now)),
            }
            outbox.enqueue(session, one.tenant_id, MAIL_DIGEST, payload, now)


def digest_handlers(send_mail: SendMail, public_url: str, commands: Callable[[], Requestable]) -> dict[str, Handler]:
    """Job kind → its handler. `commands` are those that requests for approval may hold."""

    def mail_digest(payload: dict[str, Any]) -> None:
        """Mail one person what waits now. Nothing where nothing does, or the person may no longer sign in.

        The morning is noted before the mail is handed over, so that no crash sends it twice.
        """
        tenant_id, person_id = UUID(payload["tenant_id"]), UUID(payload["person_id"])
        day = date.fromisoformat(payload["day"])
        now = clock.now()
        with system_transaction(OPERATOR) as session:
            preferences = saved_preferences(session, tenant_id, person_id)
            found = member(session, tenant_id, person_id, now)
            tenant = directory.tenant_by_id(session, tenant_id)
        if preferences is None or preferences.digest_mail is DigestFrequency.NEVER:
            return
        if found.state not in PRESENT_STATES or not STATE_EFFECTS[tenant.state].people_sign_in:
            return
        # What the token of the next login says is not known; without a role granted here it says nothing.
        actor = Actor(str(person_id), ActorKind.PERSON, tenant_id, frozenset(found.roles))
        with system_transaction(actor.tenant_scope) as session, date_notation(preferences.date_notation):
            waits = waiting(session, actor, now)
            number = count_waiting(waits, actor, now)
            rows = [row for row in tasks(session, actor, now, waits, commands()) if row.section in OWN_SECTIONS]
            if not rows:
                return
            mail = _Digest(
                language="ja" if preferences.language is ScreenLanguage.JAPANESE else "en",
                tenant=tenant.name,
                name=f"{found.family_name} {found.given_name}",
                frequency=preferences.digest_mail,
                day=day,
                number=number,
                rows=rows,
                public_url=public_url,
            )
            subject, text, html = mail.subject, mail.text, mail.html
        with system_transaction(OPERATOR) as session:
            if not mark_digest_sent(session, tenant_id, person_id, day):
                return
        try:
            send_mail(found.email, subject, text, html)
        except OSError:
            with system_transaction(OPERATOR) as session:
                unmark_digest_sent(session, tenant_id, person_id, day)
            raise

    return {MAIL_DIGEST: mail_digest}


@dataclass(frozen=True, slots=True)
class _Digest:
    """One mail, in the language of its reader. Its links lead to pages that ask for the login."""

    language: Language
    tenant: str
    name: str
    frequency: DigestFrequency
    day: date
    number: int
    rows: Sequence[Task]
    public_url: str

    @property
    def subject(self) -> str:
        return self._say(SUBJECT)

    @property
    def text(self) -> str:
        lines = [self._say(GREETING), "", self._say(SUMMARY), ""]
        for section, rows in self._sections():
            lines.append(f"■ {section}")
            for row in rows:
                what, *details = _lines(row, self.language)
                lines += [f"・{what}" if self.language == "ja" else f"- {what}", *(f"  {one}" for one in details)]
            lines.append("")
        lines += [f"{self._say(TO_TASKS)}: {self.public_url}/approvals", self._say(LOG_IN), ""]
        lines += [self._say(WHY), f"{self._say(TO_PREFERENCES)}: {self.public_url}/preferences"]
        return "\n".join(lines) + "\n"

    @property
    def html(self) -> str:
        body = [Markup("<p>{}</p><h1{}>{}</h1>").format(self._say(GREETING), _HEADING, self._say(SUMMARY))]
        for section, rows in self._sections():
            items = []
            for row in rows:
                what, *details = _lines(row, self.language)
                small = Markup("").join(
                    Markup('<br><span style="font-size:14px">{}</span>').format(one) for one in details
                )
                items.append(Markup('<li style="margin:0 0 8px"><strong>{}</strong>{}</li>').format(what, small))
            body.append(Markup("<h2{}>{}</h2><ul>{}</ul>").format(_HEADING, section, Markup("").join(items)))
        body.append(
            _link(f"{self.public_url}/approvals", self._say(TO_TASKS)) + Markup("<p>{}</p>").format(self._say(LOG_IN))
        )
        body.append(
            Markup("<p>{}</p>").format(self._say(WHY))
            + _link(f"{self.public_url}/preferences", self._say(TO_PREFERENCES))
        )
        return str(_FRAME.format(language=self.language, subject=self.subject, body=Markup("\n").join(body)))

    def _sections(self) -> Iterator[tuple[str, list[Task]]]:
        for section, rows in groupby(self.rows, key=lambda row: row.section):
            yield section.label(self.language), list(rows)

    def _say(self, label: Label) -> str:
        return label.text(self.language).format(
            tenant=self.tenant,
            name=self.name,
            number=f"{self.number:,}",
            day=JST_DATE.show(self.day, self.language),
            frequency=self.frequency.label(self.language),
        )


_HEADING: Final = Markup(' style="font-size:18px;line-height:1.5;margin:24px 0 8px"')
_FRAME: Final = Markup("""\
<!doctype html>
<html lang="{language}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{subject}</title>
</head>
<body style="margin:0;background:#ffffff;color:#1a1a1a;font-family:'Noto Sans JP','Hiragino Sans','Yu Gothic UI',Meiryo,sans-serif;font-size:16px;line-height:1.7">
  <div style="background:#000060;color:#ffffff;padding:14px 24px;font-size:18px;font-weight:bold">Moyai</div>
  <div role="main" style="max-width:640px;padding:24px">
{body}
  </div>
</body>
</html>
""")  # noqa: E501 - a mail's styles stand at its elements, as in the theme's
"""The frame of Keycloak's mails (tenancy/keycloak/themes), for ours."""


def _link(address: str, words: str) -> Markup:
    return Markup('<p><a href="{}" style="color:#0017c1">{}</a></p>').format(address, words)


def _lines(row: Task, language: Language) -> list[str]:
    """A row of 対応待ち: what waits, then whom it is about, the note, and the days."""
    is_ja = language == "ja"
    days = []
    if row.due_on is not None:
        days.append(DUE.text(language).format(day=JST_DATE.show(row.due_on, language)))
    if row.since is not None:
        days.append(SINCE.text(language).format(day=JST_DATE.show(clock.jst_date(row.since), language)))
    about, note = (row.about, row.note) if is_ja else (row.about_en, row.note_en)
    return [row.text if is_ja else row.text_en, *filter(None, (about, note, ("、" if is_ja else ", ").join(days)))]
