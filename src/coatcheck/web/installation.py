"""What every route needs to know of one installation, made once from the settings. None of it comes from a request."""

from dataclasses import dataclass

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.origin import OriginRule
from coatcheck.web.addresses import ClientAddresses
from coatcheck.web.cors import Cors
from coatcheck.web.headers import SecurityHeaders
from coatcheck.web.upstream import UpstreamTokens


@dataclass(frozen=True, slots=True)
class Installation:
    """The cookies' names, the origin rule, the trusted proxies and the headers that belong to ``auth``, and what it has
    issued for upstreams."""

    auth: Auth
    cookies: CookieNames
    origins: OriginRule
    addresses: ClientAddresses
    headers: SecurityHeaders
    cors: Cors
    upstream: UpstreamTokens

    @classmethod
    def of(cls, auth: Auth) -> "Installation":
        """Read the settings of ``auth``. Raises Misconfigured for an origin, network or path that can't be one."""
        settings, web = auth.settings, auth.settings.web
        return cls(
            auth=auth,
            cookies=CookieNames.of(is_local=settings.is_local, port=settings.port, path=web.path),
            origins=OriginRule((settings.origin, *web.allowed_origins)),
            addresses=ClientAddresses(web.trusted_proxies),
            headers=SecurityHeaders.of(is_local=settings.is_local),
            cors=Cors(web.allowed_origins),
            upstream=UpstreamTokens(auth),
        )
