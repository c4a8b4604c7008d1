"""The words of the glossary for readers, in both languages, and what each place of the menu is for.

docs/GLOSSARY.md lists the same words for programmers; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from governance.kernel.labels import Label


@dataclass(frozen=True, slots=True)
class HelpWord:
    """A word of the glossary: its name in code and English, in Japanese, and what it means.

    `key` names it on the page where two words are called the same in English.
    """

    code: str
    ja: str
    meaning: Label
    key: str = ""

    @property
    def term(self) -> Label:
        """The word as a page shows it."""
        return Label(self.ja.replace(", ", "、"), self.code)

    @property
    def anchor(self) -> str:
        """Where it stands on the page of help."""
        return "word-" + (self.key or re.sub("[^a-z]+", "-", self.code.lower()).strip("-"))


@dataclass(frozen=True, slots=True)
class PlaceHelp:
    """What the pages of a place are for, and the words one meets there, by their anchors."""

    text: Label
    words: tuple[str, ...] = ()


SECTIONS: Final[tuple[tuple[Label, tuple[HelpWord, ...]], ...]] = (
    (
        Label("参加する団体と人", "Who takes part"),
        (
            HelpWord(
                "platform",
                "基盤",
                Label("市町村が共同で使うデータ連携の基盤です。", "The data platform that municipalities share."),
            ),
            HelpWord(
                "operator",
                "運営者（県）",
                Label(
                    "基盤を運営する県です。県も参加団体の一つで、どの按分にも県の行があります。",
                    "The prefecture that runs the platform. It is a tenant too, with a row of its own in every split.",
                ),
            ),
            HelpWord(
                "tenant",
                "参加団体",
                Label(
                    "基盤に参加する団体です。県、市、町、村、一部事務組合、会社、準会員があります。",
                    "An organization that takes part: prefecture, city, town, village, union, company or associate.",
                ),
            ),
            HelpWord(
                "municipality",
                "市町村",
                Label("参加団体のうち、市、町、村であるものです。", "A tenant that is a city, a town or a village."),
            ),
            HelpWord(
                "local government code",
                "団体コード",
                Label(
                    "全国地方公共団体コードです。6桁で、最後の1桁は検査数字です。合併で変わることがあります。",
                    "The national code of a local government: six digits, the last a check digit. A merger changes it.",
                ),
            ),
            HelpWord(
                "cohort", "参加期", Label("同じ時期に参加する団体のまとまりです。", "Tenants that join together.")
            ),
            HelpWord(
                "departure",
                "脱退の届出",
                Label(
                    "団体が基盤から脱退するという届出です。最終日の翌日の0:00に脱退となります。",
                    "A tenant's notice that it leaves. It has left at 0:00 of the day after its last.",
                ),
            ),
            HelpWord(
                "merger",
                "合併",
                Label(
                    "ある日に市町村が消滅し、別の市町村が存続することです。その日の0:00に、消滅する団体は脱退となります。",
                    "One municipality ends on a day and another goes on. At 0:00 of that day the one has left.",
                ),
            ),
            HelpWord(
                "hand-back archive",
                "引渡しデータ",
                Label(
                    "団体の記録、協定、通知書、監査記録を1つにまとめたZIPで、照合用のSHA-256の一覧が付きます。",
                    "A tenant's records, agreements, notices and audit log in one ZIP file, with a list of checksums.",
                ),
            ),
            HelpWord(
                "onboarding",
                "参加手続",
                Label(
                    "参加の合意から利用の開始までに、Moyaiが行う手順です。",
                    "The steps that bring a tenant from intent to membership.",
                ),
            ),
            HelpWord(
                "step",
                "手順",
                Label(
                    "参加手続の一部です。認証サービスを読み、比べ、違いを書き込み、もう一度読みます。",
                    "One part of onboarding: read the identity server, compare, write the difference, read again.",
                ),
            ),
            HelpWord(
                "update (of the identity server)",
                "反映",
                Label(
                    "参加している団体に追加した利用者や連携システムを、認証サービスに登録することです。関係する手順だけを行います。",
                    "What was added to a tenant that takes part is created in the identity server, by these steps.",
                ),
            ),
            HelpWord(
                "lease",
                "担当の期限",
                Label(
                    "一つの参加手続を一つの処理が担当できる時間です。過ぎると別の処理が引き継ぎます。",
                    "How long one worker may hold a tenant's onboarding before another takes over.",
                ),
            ),
            HelpWord(
                "plan (of a cohort)",
                "参加計画",
                Label(
                    "参加手続で何を作り、何を変え、何をそのままにするか、各団体の負担額がいくらになるかを、始める前に示すものです。",
                    "What onboarding would create, change and keep, and what every member's share becomes.",
                ),
            ),
            HelpWord(
                "digest",
                "照合番号",
                Label(
                    "画面に示した内容から計算した番号です。実行はこの番号と結び付き、示した内容だけが実行されます。",
                    "A number computed from what was shown. What is carried out names it, so that nothing else is.",
                ),
            ),
            HelpWord(
                "statistic",
                "統計値",
                Label(
                    "団体についての数値です。基準日と出典があります。",
                    "A dated number about a tenant, with its source.",
                ),
            ),
            HelpWord("member", "利用者", Label("参加団体に属し、基盤を使う人です。", "A person of a tenant.")),
            HelpWord(
                "identity provider",
                "IdP",
                Label(
                    "団体の職員がふだんのログインに使う仕組み（Entra ID、AD FS など）です。確認してから使います。",
                    "What the staff of a tenant log in with, such as Entra ID or AD FS. It is tested before use.",
                ),
            ),
            HelpWord(
                "e-mail domain",
                "ドメイン",
                Label(
                    "メールアドレスの @ より後です。団体の IdP は、このドメインの利用者だけを入れます。",
                    "What stands behind the @ of an address. An identity provider lets in people of its domains.",
                ),
            ),
            HelpWord(
                "invitation",
                "招待",
                Label(
                    "利用者に送る、パスワードを設定するメールです。リンクは1日で切れ、再送すると前のリンクは使えなくなります。",
                    "The email to set a password with. Its link ends after a day, and when it is sent again.",
                ),
            ),
            HelpWord(
                "consent",
                "本人の承諾",
                Label(
                    "すでに別の団体を利用している人を追加すると、本人にメールで尋ねます。本人がログインして承諾すると、"
                    "同じアカウントで両方の団体を利用できます。承諾するまで、追加した団体には何も知らされません。",
                    "Who already uses another tenant is asked by mail when they are added. Once they accept, "
                    "signed in, they use both with the one account. Until then the tenant that added them learns "
                    "nothing.",
                ),
            ),
            HelpWord(
                "owner",
                "団体管理者",
                Label(
                    "団体の利用者を管理し、団体を代表して同意や申請をする利用者です。",
                    "The member who manages the tenant's people and acts for it.",
                ),
            ),
            HelpWord(
                "fewest owners",
                "団体管理者の最少人数",
                Label(
                    "団体に常にいなければならない団体管理者の人数です。団体が決めれば2人になります。",
                    "How many owners a tenant always has at least: one, or two where the tenant says so.",
                ),
            ),
            HelpWord(
                "section",
                "所属",
                Label(
                    "利用者が仕事をしている課や係です。日を決めて変えられます。権限とは関係ありません。",
                    "Where in its organization a person works. It changes on a day and gives no right.",
                ),
            ),
            HelpWord(
                "leaving",
                "利用の終了",
                Label(
                    "利用者が最終日までで利用をやめることです。翌日の0:00にすべての役割が終わり、それまでは取り消せます。",
                    "A person uses the platform until a last day. Then every role ends; until then it can be undone.",
                ),
            ),
            HelpWord(
                "dormant account",
                "休眠アカウント",
                Label(
                    "利用中で、90日以上ログインしていない利用者です。続けて使うかを確かめます。",
                    "A person who is active and has not signed in for 90 days. See whether they still need it.",
                ),
            ),
            HelpWord(
                "service client",
                "連携システム",
                Label(
                    "団体のシステムです。自分の鍵で認証して接続します。",
                    "A system of a tenant that signs in by its own key.",
                ),
            ),
            HelpWord(
                "secret of a service client",
                "シークレット",
                Label(
                    "鍵を使えない連携システムが認証に使う文字列です。作ったときに一度だけ表示し、Moyaiは保存しません。"
                    "クライアントIDと最終日がそれぞれにあります。",
                    "What a system that cannot use keys proves itself with. It is shown once, not kept by Moyai, and "
                    "has a client ID of its own and a last day.",
                ),
            ),
            HelpWord(
                "stop for good (a service client)",
                "廃止",
                Label(
                    "連携システムを、元に戻せない形で止めることです。利用枠が 1 つ空きます。",
                    "Stopping a service client without a way back. Its place in the quota is free.",
                ),
            ),
            HelpWord(
                "access decision",
                "利用可否",
                Label(
                    "連携システムが、ある操作を、ある接続元から、今してよいかどうかと、できない理由です。"
                    "基盤のゲートウェイが照会します。",
                    "Whether a service client may call for a scope from an address now, and if not, why. The "
                    "platform's gateway asks it.",
                ),
            ),
            HelpWord(
                "directory",
                "ディレクトリ",
                Label(
                    "団体が職員を管理している仕組み（Entra ID など）です。利用者を SCIM で反映します。",
                    "A municipality's own directory of staff, such as Entra ID; it writes its people here by SCIM.",
                ),
            ),
            HelpWord(
                "SCIM token",
                "SCIMトークン",
                Label(
                    "団体のディレクトリが接続するときの秘密の文字列です。1 度だけ表示し、最終日があります。",
                    "The secret with which a tenant's directory signs in; shown once, with a last day.",
                ),
            ),
            HelpWord(
                "owner of a service client",
                "連携システムの所有者",
                Label(
                    "団体、または団体の利用者です。利用者の所有なら、その人の停止や削除とともに停止します。",
                    "The tenant, or a person of it. One of a person's is suspended together with the person.",
                ),
            ),
            HelpWord(
                "plan", "利用プラン", Label("利用枠をひとまとめにして名前を付けたものです。", "A named set of quotas.")
            ),
            HelpWord(
                "quota",
                "利用枠",
                Label(
                    "団体がどれだけ使えるかの上限です。値がなければ無制限、0は利用できません。",
                    "How much a tenant may use. Without a value it is unlimited; 0 is nothing.",
                ),
            ),
            HelpWord(
                "dimension",
                "利用枠の種類",
                Label(
                    "何を数えるかです。1か月の呼出し回数、保存容量、利用者数、連携システム数などがあります。",
                    "What is counted: API calls a month, storage, users, service clients.",
                ),
            ),
            HelpWord(
                "grant",
                "権限付与",
                Label(
                    "だれがどの役割をいつからいつまで持つかの、Moyaiの記録です。",
                    "Moyai's own record that a person holds a role, from when to when.",
                ),
            ),
            HelpWord(
                "roles held",
                "役割の保有記録",
                Label(
                    "過去のある時点でだれがどの役割を持っていたか、いつからいつまでか、だれが付与し、だれが終えたかの記録です。",
                    "Who held which role at a past moment, from when to when, given and ended by whom, and why.",
                ),
            ),
            HelpWord(
                "access review",
                "権限の棚卸し",
                Label(
                    "基準日の利用者と連携システムの一覧です。1行ずつ継続するか終えるかを判断し、団体管理者が署名します。",
                    "A tenant's list of its people and systems as of a day, each kept or withdrawn, signed by an "
                    "owner.",
                ),
            ),
            HelpWord(
                "account",
                "アカウント",
                Label(
                    "人が操作するときの名義です。一人が二つ以上持つことがあります。",
                    "What a person acts as. One person may have several.",
                ),
            ),
            HelpWord(
                "drift",
                "差分",
                Label(
                    "認証サービスにあるものと、Moyaiの意図との違いです。",
                    "What the identity server has against what Moyai intends.",
                ),
            ),
        ),
    ),
    (
        Label("取決めと記録", "Law and audit"),
        (
            HelpWord(
                "repair",
                "差分の修復",
                Label(
                    "認証サービスにないものと内容が違うものを、Moyaiの記録のとおりに書き直すことです。",
                    "Writing anew what is missing or changed of an organization in the identity server.",
                ),
            ),
            HelpWord(
                "approval",
                "承認",
                Label("申請した人とは別の人がする決定です。", "The decision of a person other than the one who asked."),
            ),
            HelpWord(
                "request",
                "承認の申請",
                Label(
                    "別の人の決定を待っている操作です。承認されると実行されます。",
                    "An action that waits until another person decides. Approving carries it out.",
                ),
            ),
            HelpWord(
                "second person",
                "別の人",
                Label(
                    "申請を決定する人です。その役割を持ち、どの名義でも申請者ではない人に限ります。",
                    "Who decides a request: a person with the role for it, who is not the requester under any account.",
                ),
            ),
            HelpWord(
                "in place of",
                "代決",
                Label(
                    "別の人に代わってする決定です。だれの代わりか、なぜかを記録します。",
                    "A decision made for another person, with whom and why.",
                ),
            ),
            HelpWord(
                "agreement, version, acceptance",
                "協定, 版, 同意",
                Label(
                    "協定の本文、日付のあるその版、だれがどの団体を代表して同意したかです。",
                    "The text, its dated form, and who signed for whom.",
                ),
            ),
            HelpWord(
                "columns",
                "表示する列",
                Label(
                    "一覧に表示する列は、一覧の上で選べます。自分の画面だけが変わり、ファイルにはすべての列が入ります。",
                    "Above a list you choose which of its columns it shows to you. Files have all of them.",
                ),
            ),
            HelpWord(
                "filter",
                "自分の絞り込み",
                Label(
                    "一覧の絞り込みに名前を付けて残したものです。自分の一覧にだけ表示されます。",
                    "A filter of a list that you keep under a name. Only your own lists show it.",
                ),
            ),
            HelpWord(
                "preferences",
                "設定",
                Label(
                    "画面と、あなたに届くメールについて、あなたが選んだことです。ほかの人には影響しません。",
                    "What you have chosen for your own pages and mails. It concerns nobody else.",
                ),
            ),
            HelpWord(
                "registry",
                "参加団体台帳",
                Label(
                    "ある月の末日に、どの団体がどの状態で参加していたかの一覧です。その月の変更も示します。",
                    "Who took part in which state at the end of a month, with what changed in it.",
                ),
            ),
            HelpWord(
                "application",
                "利用申請",
                Label(
                    "参加を希望する団体が、アカウントなしに公開のページから出す申請です。県が審査し、別の人が決定します。",
                    "What a body that wants to take part hands in on a public page. It is screened, and another person "
                    "decides.",
                ),
            ),
            HelpWord(
                "screening",
                "審査",
                Label(
                    "自動の確認と、担当者が確かめたことの記録です。審査した人は決定できません。",
                    "What is checked of an application by itself, and what a person states to have checked. That "
                    "person does not decide it.",
                ),
            ),
            HelpWord(
                "session",
                "セッション",
                Label(
                    "一つのブラウザー、または一つのコマンドラインでログインしている状態です。"
                    "自分のものはいつでも終わらせることができます。",
                    "Being logged in in one browser or one command line. You can end your own at any time.",
                ),
            ),
            HelpWord(
                "emergency role",
                "緊急時の操作",
                Label(
                    "1時間だけ、すべてを閲覧し、だれの利用でも停止できる役割です。2人で決め、始まりと行ったことが知らされます。",
                    "For one hour: to read everything and stop anybody. Two people decide; what is done is told.",
                ),
            ),
            HelpWord(
                "step-up",
                "直前の二要素認証",
                Label(
                    "承認や、連携システムの鍵の登録の前に、しばらく前のログインでは足りず、"
                    "パスワードと二要素をもう一度確かめることです。入力した内容は残ります。",
                    "Before an approval or a new key of a system, the password and the second factor are asked for "
                    "again if the login was some time ago. What was typed is kept.",
                ),
            ),
            HelpWord(
                "announcement, confirmation",
                "お知らせ, 確認",
                Label(
                    "県が選んだ団体に知らせることと、団体がそれを読んだという記録です。確認は1団体に1回です。",
                    "What the operator tells chosen tenants, and that one of them has read it, once for each.",
                ),
            ),
            HelpWord(
                "reminder",
                "催促",
                Label(
                    "協定への同意、お知らせの確認、権限の棚卸しの署名が済んでいない団体の"
                    "団体管理者に送るメールです。1団体に1日1回までです。",
                    "A mail to the owners of a tenant that has not accepted a version, confirmed an announcement or "
                    "signed its access review; once a day for each.",
                ),
            ),
            HelpWord(
                "rule",
                "負担金算定規程",
                Label(
                    "負担金をどう算定するかを定めた規程です。版があり、議決で施行されます。",
                    "How contributions are computed. A rule has versions; a decision brings one into force.",
                ),
            ),
            HelpWord(
                "version in force",
                "施行中",
                Label(
                    "その日に適用される版です。前は施行予定、後は終了です。",
                    "The adopted version that holds on a day; before it a version is to come, after it it is over.",
                ),
            ),
            HelpWord(
                "decision",
                "議決・決定",
                Label(
                    "規程をだれが施行したかです。番号と日付があります。",
                    "Who brought a rule into force, with number and date.",
                ),
            ),
            HelpWord(
                "audit event",
                "監査記録",
                Label(
                    "だれが何をしたか、または、なぜしなかったかの記録です。消すことも直すこともできません。",
                    "What somebody did, or why it was not done. It can be neither deleted nor changed.",
                ),
            ),
            HelpWord(
                "action",
                "一つの操作",
                Label(
                    "一度の操作で記録されたものです。操作の記録では1行になります。",
                    "What one action recorded; one row on the page of the audit log.",
                ),
            ),
            HelpWord(
                "stream",
                "団体の記録",
                Label(
                    "一つの団体の監査記録です。1から順に番号が付きます。",
                    "The audit events of one tenant, numbered from 1.",
                ),
            ),
            HelpWord(
                "seal",
                "封印",
                Label(
                    "監査記録のつながりの印です。後から変えると、検証で見つかります。",
                    "A link of the chain over a tenant's audit events. Verification finds what was changed later.",
                ),
            ),
            HelpWord(
                "head, tip",
                "末尾, 末尾の控え",
                Label(
                    "最後の封印と、データベースの外に置くその控えです。",
                    "The last seal of a stream, and its copy outside the database.",
                ),
            ),
            HelpWord(
                "webhook",
                "監査記録の送信先",
                Label("監査記録を、封印するごとに送る先です。", "Where audit events are sent as they are sealed."),
            ),
            HelpWord(
                "delivery",
                "送信",
                Label(
                    "送信先への1件の送信です。受信側が受け取ったと答えると完了です。",
                    "One event on its way to a receiver. It counts when the receiver confirms it.",
                ),
            ),
            HelpWord(
                "retention",
                "保存期間",
                Label(
                    "削除できるようになるまで保存する期間です。", "How long something is kept before it may be deleted."
                ),
            ),
            HelpWord(
                "backup",
                "バックアップ",
                Label(
                    "ある時点のデータベースと鍵を、そのまま保存したものです。",
                    "The databases, keys and secrets of one installation as they were at one moment.",
                ),
            ),
            HelpWord(
                "manifest",
                "目録",
                Label("バックアップの中身の一覧です。署名があります。", "What a backup says about itself, signed."),
            ),
            HelpWord(
                "restore",
                "復元",
                Label("バックアップから、元の状態に戻すことです。", "A backup becoming an installation again."),
            ),
            HelpWord(
                "given up",
                "復元で失われた",
                Label(
                    "復元したバックアップより後の記録です。",
                    "Of what is later than the backup from which the installation was restored.",
                ),
            ),
            HelpWord(
                "finding",
                "異常",
                Label("監査記録の検証で見つかったものです。", "What verification of the audit log names."),
            ),
        ),
    ),
    (
        Label("負担金", "Money"),
        (
            HelpWord("fiscal year", "会計年度", Label("4月1日から翌年3月31日までです。", "1 April to 31 March.")),
            HelpWord(
                "closing period",
                "出納整理期間",
                Label("年度が終わった後の、4月1日から5月31日までです。", "1 April to 31 May after the year."),
            ),
            HelpWord(
                "cost item, cost pool",
                "経費, 経費区分",
                Label(
                    "かかった費用と、いっしょに按分する費用のまとまりです。",
                    "What was spent, and what is split together.",
                ),
            ),
            HelpWord(
                "stage",
                "段階",
                Label(
                    "負担規則のなかの一つの手順です。経費をまとめ、差し引き、按分し、端数を処理するまでを順に定めます。",
                    "One step of a rule: what is gathered, deducted, split, limited and rounded, in this order.",
                ),
            ),
            HelpWord(
                "limit (cap, floor)",
                "限度額, 最低額",
                Label(
                    "1団体が負担する額の上限と下限です。超えた分をだれが負担するかも定めます。",
                    "The most and the least a member bears, and who bears the difference.",
                ),
            ),
            HelpWord(
                "rest",
                "残額",
                Label(
                    "一つの段階で分けた後に、次の段階に残る額です。",
                    "What a stage leaves to the next ones.",
                ),
            ),
            HelpWord(
                "joiner's factor, waiver",
                "加入月割, 減免",
                Label(
                    "年度の途中で加わった団体の負担を月で割ることと、初めの年度の負担を軽くすることです。",
                    "What part of a year counts for who joins within it, and what is waived of first years.",
                ),
            ),
            HelpWord(
                "stand-alone cost",
                "単独費用",
                Label(
                    "ある団体、またはいくつかの団体だけで同じことをした場合にかかる費用です。",
                    "What a member, or a group of them, would pay alone.",
                ),
            ),
            HelpWord(
                "core",
                "コア",
                Label(
                    "どの団体の組み合わせも、単独費用より多くは負担しない分け方です。",
                    "The divisions under which no group would pay less alone.",
                ),
            ),
            HelpWord(
                "nucleolus, Shapley value, SCRB",
                "仁, シャープレイ値, 分離費用身替り妥当支出法",
                Label(
                    "共同の費用を分ける方法です。協力ゲーム理論と、多目的ダムの費用の分け方で使われます。",
                    "Ways to divide a shared cost that cooperative game theory and dam building know.",
                ),
            ),
            HelpWord(
                "allocation",
                "費用按分",
                Label(
                    "経費を、1円の違いもなく参加団体に分けることです。",
                    "Splitting costs over the members exactly, to the yen.",
                ),
            ),
            HelpWord(
                "run",
                "按分の回",
                Label(
                    "年度の按分の一回分です。当初と変更があり、会計の担当者が申請するまでは下書きです。",
                    "One allocation of a year: the first one or a revision; a draft until finance submits it.",
                ),
            ),
            HelpWord(
                "component",
                "按分基準",
                Label(
                    "割合と、何で分けるかの組です。均等割、人口割などがあります。",
                    "A ratio and its basis, such as equal or by population.",
                ),
            ),
            HelpWord(
                "basis",
                "基準",
                Label(
                    "何で分けるかです。均等、人口などの統計値、協議で定めた割合があります。",
                    "What a component is measured by: equal, a statistic, or an agreed ratio.",
                ),
            ),
            HelpWord("weight", "按分の重み", Label("その基準での団体の値です。", "A member's value in a basis.")),
            HelpWord("share", "負担額", Label("団体が負担する額です。", "What a member pays.")),
            HelpWord(
                "operator's part, residual",
                "県負担額, 端数",
                Label(
                    "県が割合で負担する額と、端数処理で県に残る額です。",
                    "What the operator pays by ratio, and what rounding leaves to it.",
                ),
            ),
            HelpWord(
                "rounding",
                "端数処理",
                Label("割り切れない円をどう扱うかの定めです。", "The rule for yen that do not divide evenly."),
            ),
            HelpWord(
                "deduction",
                "控除",
                Label("先に差し引く補助金などの収入です。", "Grants and other revenue that are subtracted first."),
            ),
            HelpWord(
                "workings",
                "算定根拠",
                Label(
                    "負担額の計算に使ったすべての値です。基準日と出典があります。",
                    "Every value from which a share follows, with date and source.",
                ),
            ),
            HelpWord(
                "ledger, entry, line",
                "元帳, 仕訳, 明細",
                Label(
                    "複式簿記の記録です。一つの仕訳の明細を合計すると0になります。",
                    "Double entry: an entry's lines add up to zero.",
                ),
            ),
            HelpWord("tenant ledger (book)", "帳簿", Label("一つの団体の仕訳です。", "The entries of one tenant.")),
            HelpWord(
                "account",
                "勘定科目",
                Label("明細を分類する科目です。", "What a line is booked to."),
                key="ledger-account",
            ),
            HelpWord(
                "reference",
                "伝票番号",
                Label("仕訳の番号です。帳簿の中で一つだけです。", "An entry's name, unique in its ledger."),
            ),
            HelpWord(
                "reversal",
                "取消仕訳",
                Label(
                    "元の仕訳を打ち消す仕訳です。元の仕訳は残ります。",
                    "The opposite entry, naming the one it reverses, which stays.",
                ),
            ),
            HelpWord(
                "period",
                "会計年度の状態",
                Label(
                    "年度の帳簿の状態です。記帳できます、締切作業中、締切済みの順に進みます。",
                    "The state of a fiscal year's books: open, closing, closed.",
                ),
            ),
            HelpWord(
                "notice",
                "納入通知書",
                Label(
                    "団体に送る通知書です。いくらを、なぜ、いつまでに納入するかを示します。",
                    "What is sent to a member: how much, why, until when.",
                ),
            ),
            HelpWord(
                "issuer, payee",
                "発行者, 納入先",
                Label(
                    "だれが通知書を発行し、どの款項目節で、どこに納入するかです。",
                    "Who issues the notices, under which budget head, and where they are paid.",
                ),
            ),
            HelpWord(
                "instalment",
                "期別",
                Label("通知書の額を分けて納入するときの一回分です。", "A part of a notice with its own due date."),
            ),
        ),
    ),
)

PLACES: Final[Mapping[str, PlaceHelp]] = {
    "/": PlaceHelp(
        Label(
            "今年の負担金、きょうすること、利用の状況をまとめて見られます。",
            "What there is to do today, what is paid this year, and what is used.",
        ),
        ("word-tenant", "word-share", "word-quota"),
    ),
    "/approvals": PlaceHelp(
        Label(
            "決めること、直すこと、期限が近いこと、ほかの人を待っていることの一覧です。各行の操作で片付けられます。",
            "Everything to decide and to correct, what falls due, what waits for others; each row with its action.",
        ),
        ("word-approval", "word-request", "word-second-person"),
    ),
    "/tenants": PlaceHelp(
        Label(
            "参加団体を探し、登録し、状態を進めます。団体の画面に、利用者、連携システム、利用枠、負担金、文書、履歴があります。",
            "Find and register tenants and move them on. A tenant's page has all that belongs to it.",
        ),
        ("word-tenant", "word-local-government-code", "word-statistic"),
    ),
    "/cohorts": PlaceHelp(
        Label(
            "同じ時期に参加する団体をまとめ、参加計画を確かめてから手続を始めます。",
            "Tenants that join together: look at the plan, then begin.",
        ),
        ("word-cohort", "word-plan-of-a-cohort", "word-digest"),
    ),
    "/onboardings": PlaceHelp(
        Label(
            "参加手続がどこまで進んだかを見て、止まった手順の扱いを決めます。",
            "How far onboarding is, and what to do about a step that stopped.",
        ),
        ("word-onboarding", "word-step"),
    ),
    "/tenants/{tenant}/people": PlaceHelp(
        Label(
            "利用者を追加し、役割を付け、停止や再開をします。まとめて行うときは、CSVかExcelのファイルを取り込みます。",
            "Add people, give them roles, suspend and resume them; many at once by a CSV or Excel file.",
        ),
        (
            *("word-member", "word-invitation", "word-consent", "word-owner", "word-fewest-owners", "word-section"),
            *("word-leaving", "word-dormant-account", "word-grant", "word-account"),
        ),
    ),
    "/tenants/{tenant}/systems": PlaceHelp(
        Label(
            "接続するシステムを公開鍵で登録します。秘密鍵はシステムの外に出しません。",
            "Register systems by their public keys. The private key never leaves the system.",
        ),
        ("word-service-client", "word-owner-of-a-service-client", "word-quota"),
    ),
    "/tenants/{tenant}/scim": PlaceHelp(
        Label(
            "職員のディレクトリから、利用者の追加・変更・停止を自動で反映します。管理の役割は付与できません。",
            "Your directory of staff adds, changes and suspends people by itself. It gives no role that administers.",
        ),
        ("word-directory", "word-scim-token", "word-member", "word-owner"),
    ),
    "/access-reviews": PlaceHelp(
        Label(
            "年に1回、だれがどの権限を持つかを1行ずつ確かめ、団体管理者が署名します。県は団体ごとの進み具合を見ます。",
            "Once a year each tenant checks line by line who has access, and an owner signs. The operator sees how far "
            "each has come.",
        ),
        ("word-access-review", "word-owner", "word-service-client"),
    ),
    "/roles-held": PlaceHelp(
        Label(
            "過去のある時点で、だれがどの役割を持っていたかを確かめます。付与した人、終えた人、理由も分かります。",
            "See who held which role at a past moment, who gave and ended it, and why.",
        ),
        ("word-roles-held", "word-grant", "word-member"),
    ),
    "/tenants/{tenant}/identity-provider": PlaceHelp(
        Label(
            "職員が庁内の IdP でログインできるようにします。接続を確認してから利用を始めます。",
            "Let your staff log in with your own identity provider. Its connection is tested before it is used.",
        ),
        ("word-identity-provider", "word-e-mail-domain", "word-member"),
    ),
    "/drift": PlaceHelp(
        Label(
            "認証サービスにあるものとMoyaiの意図との違いを確かめます。",
            "Compare the identity server with what Moyai intends.",
        ),
        ("word-drift",),
    ),
    "/preferences": PlaceHelp(
        Label(
            "あなただけの設定です。言語、日付と年度の表記、表の行の間隔、対応待ちのお知らせメールを選べます。一覧の列も選べます。",
            "How you alone want pages and mails: language, dates and years, rows and columns of tables, the mail.",
        ),
        ("word-preferences", "word-columns", "word-filter", "word-session", "word-consent"),
    ),
    "/registry": PlaceHelp(
        Label(
            "月末の時点で参加している団体の一覧です。月を選び、CSVかExcelで取り出して保管できます。",
            "Who takes part at the end of a month, to keep as CSV or Excel.",
        ),
        ("word-registry", "word-tenant"),
    ),
    "/applications": PlaceHelp(
        Label(
            "参加を申請した団体を審査し、決定を提案し、承認されたら参加手続を始めます。申請者は公開のページから申請します。",
            "Screen bodies that applied, propose the decision, and start onboarding once it is approved.",
        ),
        ("word-application", "word-screening", "word-second-person"),
    ),
    "/announcements": PlaceHelp(
        Label(
            "県から団体へのお知らせです。県は、あて先と掲載の最終日を決めて掲載し、どの団体が確認したかを見ます。",
            "What the operator tells tenants, until a last day, and which of them have confirmed it.",
        ),
        ("word-announcement-confirmation", "word-tenant"),
    ),
    "/break-glass": PlaceHelp(
        Label(
            "ふだんの担当者が対応できないときに、県の利用者1人に1時間だけ任せる役割です。申請した人とは別の人が承認します。",
            "A role for one hour, for when those who could act are out of reach. Another person approves it.",
        ),
        ("word-emergency-role", "word-audit-event"),
    ),
    "/sign-in-limits": PlaceHelp(
        Label(
            "操作がないとき、また長くても何時間で、だれのログインも終わるかを決めます。承認などの前に二要素認証を求め直す時間も決めます。",
            "After how long without a click, and after how long at most, everybody's logins end; and for how long a "
            "second factor counts as fresh.",
        ),
        ("word-session", "word-step-up"),
    ),
    "/webhooks": PlaceHelp(
        Label(
            "監査記録をほかのシステムに送る先を決め、届いているかを確かめます。",
            "Where audit events are sent, and whether they arrive.",
        ),
        ("word-webhook", "word-delivery", "word-audit-event"),
    ),
    "/sent-mails": PlaceHelp(
        Label(
            "だれにどのメールを送り、届けられたかどうかの記録です。本文は残しません。",
            "Which mails went to whom and what became of them. Their text is not kept.",
        ),
        (),
    ),
    "/mails": PlaceHelp(
        Label("この環境から送ったメールの控えです。", "The mail that this installation has sent."),
        (),
    ),
    "/plans": PlaceHelp(
        Label(
            "利用プランと、その利用枠です。ほかの値は申請して決めます。",
            "Plans and their quotas. Other values are set by request.",
        ),
        ("word-plan", "word-quota", "word-dimension"),
    ),
    "/costs": PlaceHelp(
        Label(
            "年度の経費と控除を、出典とともに登録します。誤りは理由を付けて取り消します。",
            "Record the costs and deductions of a year with their source. What was wrong is withdrawn with a reason.",
        ),
        ("word-cost-item-cost-pool", "word-deduction", "word-fiscal-year"),
    ),
    "/allocations": PlaceHelp(
        Label(
            "経費を規程で按分し、別の人の承認を受けて記帳します。算定根拠から1円まで計算し直せます。",
            "The costs, divided by the rules, approved by another person and posted, with workings down to the yen.",
        ),
        ("word-allocation", "word-run", "word-share", "word-workings", "word-rounding"),
    ),
    "/notices": PlaceHelp(
        Label(
            "承認された負担額の納入通知書です。発行したものは変わりません。",
            "The notices of approved shares. An issued notice never changes.",
        ),
        ("word-notice", "word-issuer-payee", "word-instalment"),
    ),
    "/ledger": PlaceHelp(
        Label(
            "団体ごとの帳簿です。仕訳は消さず、取消仕訳で直します。",
            "The books of each tenant. An entry is never deleted; a reversal corrects it.",
        ),
        ("word-ledger-entry-line", "word-tenant-ledger-book", "word-reversal", "word-period", "word-closing-period"),
    ),
    "/ledger/{tenant}/contributions": PlaceHelp(
        Label(
            "年度の負担額、その増減、通知した額を見られます。",
            "What is owed for the year, each change of it, and what was notified.",
        ),
        ("word-share", "word-notice", "word-fiscal-year"),
    ),
    "/rules": PlaceHelp(
        Label(
            "負担金をどう算定するかの規程です。議決を記録した版が、その日から適用されます。版どうしは「変更点」で比べられます。",
            "How contributions are computed. A version holds from its day on, once its decision is recorded. "
            "“What changed” compares two versions.",
        ),
        ("word-rule", "word-version-in-force", "word-decision", "word-component", "word-basis"),
    ),
    "/agreements": PlaceHelp(
        Label(
            "団体が同意する協定です。本文は変えず、次の版を公開します。",
            "What tenants agree to. A text is never edited; the next version is published.",
        ),
        ("word-agreement-version-acceptance",),
    ),
    "/audit": PlaceHelp(
        Label(
            "だれが何をしたかの記録です。消すことも直すこともできず、検証できます。",
            "Who did what. It can be neither deleted nor changed, and it can be verified.",
        ),
        ("word-audit-event", "word-action", "word-seal", "word-finding"),
    ),
    "/tenants/{tenant}": PlaceHelp(
        Label(
            "団体の名称、統計値、連絡先、状態を見られます。",
            "The organization's names, statistics, contacts and state.",
        ),
        ("word-tenant", "word-statistic"),
    ),
    "/tenants/{tenant}/quotas": PlaceHelp(
        Label("使える枠と、変更の申請です。", "What may be used, and requests for other values."),
        ("word-quota", "word-dimension", "word-plan"),
    ),
    "/backoffice/": PlaceHelp(
        Label("登録されているものを、表のまま読むための画面です。", "Tables as they are stored, to read only."),
        (),
    ),
    "/api-reference": PlaceHelp(
        Label("システムから使うときの説明です。", "The reference for programs."),
        ("word-service-client",),
    ),
    "/help": PlaceHelp(
        Label("言葉の意味、画面の説明、キー操作です。", "What words mean, what pages are for, and the keys."),
        (),
    ),
}
"""Address of each place of the menus (`admin.features.menu`) → what it is for."""
