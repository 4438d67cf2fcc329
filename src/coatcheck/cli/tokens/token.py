"""``coatcheck token``: what is this token, and what becomes of it when it is presented now?"""

import asyncio
import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from coatcheck.cli.outcome import REFUSED, TROUBLE
from coatcheck.cli.printing import console, instant, json_option, show_document, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from coatcheck.cli.tokens.form import Finding, Form
    from coatcheck.cli.tokens.verdict import Judgement
    from coatcheck.model.session import Session
    from coatcheck.settings import Settings

_STATES: Final = {True: ("ok", "green"), False: ("no", "red"), None: ("unknown", "yellow")}
_OURS: Final = {
    "gen": "the generation of the session's credentials",
    "ver": "the version of its owner",
    "all": "the everything-generation",
    "pos": "where in the log the session was found alive",
}
_MOST_SHOWN: Final = 400
"""Characters of one claim on the screen; ``--json`` has it whole."""


@click.command("token", short_help="Explain a token: what it is, and whether it is accepted.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-]")
@json_option
def command(words: tuple[str, ...], as_json: bool) -> None:
    """Explain a token: what it is, what it says, whether it is accepted now, and why or why not.

    The token is read from standard input, or asked for at a hidden prompt. It is never an argument: there it would stay
    in the shell's history, and every process of the machine could read it. It is not printed either.

    \b
    coatcheck token                          asks for it
    pbpaste | coatcheck token
    coatcheck token --json < token.txt

    Changes nothing: a refresh token is not used up, and one that was used before ends no session here. Without the
    database (COATCHECK_DATABASE_URL) only what can be told from the token itself is told.

    Exit codes: 0 accepted, 1 refused or not ours, 3 the database could not be asked.
    """
    from coatcheck.cli.environment import settings_from
    from coatcheck.cli.secret_input import read_token
    from coatcheck.cli.tokens.form import form_of
    from coatcheck.clock import SystemClock, now_of

    if words not in ((), ("-",)):
        raise click.UsageError(
            "a token is never an argument: it would stay in the shell's history, and other processes could read it. "
            "Pipe it into `coatcheck token`, or type it when you are asked."
        )
    settings = settings_from(os.environ)
    token = read_token()
    now = now_of(SystemClock())
    form = form_of(token)
    judgement, without = _judged(token, form, settings, now)
    code = _code(judgement.findings)
    if as_json:
        show_document(_document(form, judgement, without))
    else:
        _show(form, judgement, without, now)
    raise click.exceptions.Exit(REFUSED if code else TROUBLE if without else 0)


def _judged(token: str, form: "Form", settings: "Settings", now: datetime) -> "tuple[Judgement, str]":
    """What was found, and why the database was not asked; "" when it was, or need not be."""
    from coatcheck.cli.database import CURRENT, look
    from coatcheck.cli.tokens.verdict import Judgement
    from coatcheck.errors import Broken
    from coatcheck.stores.place import is_memory

    alone = Judgement((form.finding, *_claims_alone(token, form, settings, now)))
    if not form.finding.holds:
        return Judgement((form.finding,)), ""
    if is_memory(settings.database):
        return alone, "a memory: store lives inside the process that serves"
    try:
        sight = look(settings.database)
        if sight.state != CURRENT:
            return alone, f"the database {sight.place} is {sight.state}; COATCHECK_DATABASE_URL says where to look"
        found = asyncio.run(_asked(token, form, settings, now))
    except Broken as fault:
        return alone, fault.message
    findings = (form.finding, *found.findings)
    if any(each.about == "signature" and not each.holds for each in findings):
        # What it says of itself counts for nothing, but often tells where it comes from.
        told = {each.about for each in findings}
        findings += tuple(each for each in alone.findings if each.holds is False and each.about not in told)
    return found._replace(findings=findings), ""


async def _asked(token: str, form: "Form", settings: "Settings", now: datetime) -> "Judgement":
    from coatcheck.cli.tokens.verdict import judge, switched_off
    from coatcheck.stores.open import store_for
    from coatcheck.tokens.derivation import Secrets
    from coatcheck.upkeep.denial_file import read_denials
    from coatcheck.upkeep.secret_file import read_development_secret
    from coatcheck.upkeep.witness import Witness

    store = store_for(settings.database)
    try:
        await store.open()
        await Witness(settings.witness(store.beside)).require_no_return(store)
        secrets = Secrets(settings.secrets or (read_development_secret(store.beside),))
        judgement = await store.read(lambda tx: judge(form.kind, token, tx, secrets, settings, now))
        denied = read_denials(settings.deny_list(store.beside))
        off = switched_off(form.kind, judgement, (form.header or {}).get("kid"), denied)
        return judgement._replace(findings=(*judgement.findings, *off))
    finally:
        await store.close()


def _claims_alone(token: str, form: "Form", settings: "Settings", now: datetime) -> "Iterator[Finding]":
    """What can be told of an access token's claims, believed or not."""
    from coatcheck.cli.tokens.form import TokenKind
    from coatcheck.cli.tokens.verdict import claims_alone
    from coatcheck.errors import TokenInvalid
    from coatcheck.tokens.jwt import claims_of

    if form.kind is not TokenKind.ACCESS or not form.finding.holds:
        return
    try:
        claims = claims_of(token.encode("ascii"))
    except TokenInvalid:
        return
    yield from claims_alone(claims, settings, now)


def _code(findings: "tuple[Finding, ...]") -> str:
    """What a client is answered; "" when nothing speaks against the token."""
    return next((each.code for each in findings if each.holds is False), "")


def _show(form: "Form", judgement: "Judgement", without: str, now: datetime) -> None:
    screen = console()
    findings = judgement.findings
    against = next((each for each in findings if each.holds is False), None)
    kind = f"{form.kind.value[0].upper()}{form.kind.value[1:]}"
    if against is not None:
        verdict, colour, reason = "refused", "red", f" ({against.code}): {against.says}."
    elif without:
        verdict, colour, reason = "not decided", "yellow", f": {without}."
    else:
        verdict, colour, reason = "accepted", "green", "."
    from rich.text import Text

    screen.print(Text.assemble(f"{kind}, ", (verdict, f"bold {colour}"), visible(reason)))
    for title, members in (("header", form.header), ("claims", form.claims)):
        if members is not None:
            believed = "" if any(each.about == "signature" and each.holds for each in findings) else ", not verified"
            _section(title + believed, {name: _in_words(name, value, now) for name, value in members.items()})
    if judgement.session is not None:
        _section("session", _session_fields(judgement, judgement.session, now))
    if not findings[1:]:
        return
    click.echo("\nlooked at")
    for each in findings:
        state, colour = _STATES[each.holds]
        screen.print(Text.assemble(f"  {each.about:<10} ", (f"{state:<8}", colour), visible(each.says)))


def _section(title: str, fields: "Mapping[str, str]") -> None:
    click.echo(f"\n{title}")
    width = max((len(visible(name)) for name in fields), default=0)
    for name, value in fields.items():
        click.echo(f"  {visible(name):<{width}}  {visible(value)}")


def _in_words(name: str, value: Any, now: datetime) -> str:
    from coatcheck.cli.tokens.times import INSTANTS, in_full, instant_of

    at = instant_of(value) if name in INSTANTS else None
    if at is not None:
        return in_full(at, now)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = " ".join(value) or "none"
    else:
        text = (value or '""') if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}… ({len(text)} characters)"
    return f"{shown}  ({_OURS[name]})" if name in _OURS else shown


def _session_fields(judgement: "Judgement", session: "Session", now: datetime) -> dict[str, str]:
    from coatcheck.cli.tokens.times import in_full, near
    from coatcheck.cli.tokens.verdict import ENDINGS
    from coatcheck.model.session import NEVER
    from coatcheck.model.user import User

    owner = judgement.owner
    name = f"{owner.email if isinstance(owner, User) else owner.name} ({owner.id})" if owner else session.user_id
    fields = {"id": session.id, "of": name}
    if session.name:
        fields["called"] = session.name
    fields |= {"device": session.device or "-", "began": in_full(session.created_at, now)}
    fields["last seen"] = near(session.seen_at, now)
    if session.ended_at is not None:
        why = "" if session.ending is None else f": {ENDINGS.get(session.ending, session.ending.value)}"
        fields["ended"] = in_full(session.ended_at, now) + why
    else:
        fields["ends"] = "never by itself" if session.expires_at == NEVER else in_full(session.expires_at, now)
    if session.scopes:
        fields["scopes"] = " ".join(session.scopes)
    return fields


def _document(form: "Form", judgement: "Judgement", without: str) -> dict[str, Any]:
    from coatcheck.cli.tokens.times import INSTANTS, instant_of

    code, session, owner = _code(judgement.findings), judgement.session, judgement.owner
    claims = form.claims or {}
    return {
        "kind": form.kind.name.lower(),
        "verdict": "refused" if code else "undecided" if without else "accepted",
        "code": code or None,
        "not_asked": without or None,
        "header": form.header,
        "claims": form.claims,
        "instants": {name: instant(instant_of(claims[name])) for name in INSTANTS if name in claims},
        "findings": [each._asdict() for each in judgement.findings],
        "session": None
        if session is None
        else {
            "id": session.id,
            "owner": session.user_id,
            "owner_status": None if owner is None else owner.status.value,
            "device": session.device,
            "name": session.name,
            "created_at": instant(session.created_at),
            "seen_at": instant(session.seen_at),
            "expires_at": instant(session.expires_at),
            "ended_at": instant(session.ended_at),
            "ending": None if session.ending is None else session.ending.value,
        },
    }
