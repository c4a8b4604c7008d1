"""`moyai worker`: runs jobs until SIGTERM or Ctrl-C. `moyai run` and `moyai up` start one."""

from __future__ import annotations

import os
from datetime import timedelta

import click

from admin.bootstrap import create_core
from admin.features.approvals.stored import requestable
from admin.interface.keycloak_port import close_identities, identities_of
from admin.interface.output import handle_errors
from admin.interface.permitted import PermittedCommand
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.sender import Mailer
from admin.operations.mail.server import LocalMailServer, local_mail_box
from admin.operations.pooling import check_pooling
from admin.operations.process_user import refuse_root
from admin.operations.public_requests import PublicRequests
from admin.operations.schema import check_schema
from admin.operations.settings import Settings
from admin.operations.tip_senders import tip_sender
from admin.operations.trust import trust
from admin.operations.webhook_sender import WebhookSender
from admin.workflows.application_mails import application_mail_handlers
from admin.workflows.audit_sealing import AuditSealer
from admin.workflows.digest_mails import digest_handlers, enqueue_digests
from admin.workflows.identity_providers import IdentityProviderJobs
from admin.workflows.job_handlers import handlers, onboarding_runner, periodic_tasks
from admin.workflows.jobs import JobWorker, Queue
from admin.workflows.last_day_warnings import enqueue_warnings
from admin.workflows.recorded_mails import RecordedMailer
from admin.workflows.tenant_mails import mail_handlers
from admin.workflows.upkeep import Upkeep
from admin.workflows.webhooks import WebhookDelivery
from governance.permissions import Permission


@click.command("worker", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@handle_errors
def worker() -> None:
    """ジョブを処理する / Process jobs until SIGTERM or Ctrl-C.

    Where no SMTP_URL is set, it also stores the email that Keycloak sends.
    """
    settings = Settings.from_environment(os.environ)
    refuse_root(settings)
    trust(settings)
    check_pooling(settings)
    check_schema(settings)
    app = create_core(settings)
    keycloak = identities_of(app)
    mailer = RecordedMailer(Mailer(settings))
    box = local_mail_box(settings)
    mail = None if box is None else LocalMailServer(MailOutbox(settings.home), box)
    if mail is not None:
        mail.start()
    identity_providers = IdentityProviderJobs(keycloak, PublicRequests("Moyai"), settings.keycloak_url)
    try:
        JobWorker(
            app,
            Queue(settings.app_url),
            handlers=handlers(keycloak)
            | mail_handlers(mailer, settings.public_url)
            | application_mail_handlers(mailer, settings.public_url, settings.session_secret)
            | digest_handlers(mailer, settings.public_url, requestable)
            | identity_providers.handlers,
            run_onboarding=onboarding_runner(keycloak),
            deliver=WebhookDelivery(WebhookSender()).run,
            seal_audit_log=AuditSealer(settings.audit_files, tip_sender(settings)),
            periodic_tasks=(
                *periodic_tasks(keycloak),
                identity_providers.link_people,
                enqueue_digests,
                enqueue_warnings,
                Upkeep(settings.logs, timedelta(days=settings.log_days)),
            ),
        ).run()
    finally:
        if mail is not None:
            mail.stop()
        close_identities(app)
