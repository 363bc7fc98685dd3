"""Whether the other end still wants to hear from us (RFC 7675), asked with patience.

aioice gives each check half a second and hangs up after six in a row without an answer. On a starved machine
an answer takes longer, behind the pictures it waits with: publishers were hung up on within half a minute.
Here it may come until shortly before the next check, and consent ends when none has for as long as six take.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aioice.ice
from aioice import stun
from aiortc import RTCPeerConnection

LEAST_PATIENCE_S = 0.5


def be_patient(connection: RTCPeerConnection) -> None:
    """To be called when the connection has its transports and before it connects."""
    for transceiver in connection.getTransceivers():
        ice: Any = transceiver.receiver.transport.transport._connection
        assert ice._query_consent_task is None, "too late: it is asked already"
        ice.query_consent = lambda ice=ice: query_consent(ice)


async def query_consent(ice: Any) -> None:
    """Stands where aioice's method of this name stands: until consent has ended, and then closes `ice`."""
    loop = asyncio.get_running_loop()
    unanswered, since_s = 0, loop.time()  # and when the first of them was sent
    while True:
        # Between 0.8 and 1.2 intervals, so that those of many connections do not keep step (RFC 7675, 5.1).
        due_s = loop.time() + aioice.ice.CONSENT_INTERVAL * random.uniform(0.8, 1.2)
        if unanswered == 0:
            since_s = loop.time()
        pairs = list(ice._nominated.values())
        answered = all(await asyncio.gather(*(_answered(ice, pair) for pair in pairs)))
        unanswered = 0 if answered else unanswered + 1
        if unanswered >= aioice.ice.CONSENT_FAILURES and loop.time() - since_s >= _lasts_s():
            break
        await asyncio.sleep(max(0.0, due_s - loop.time()))
    ice._query_consent_task = None
    await ice.close()


def _lasts_s() -> float:
    return aioice.ice.CONSENT_FAILURES * aioice.ice.CONSENT_INTERVAL


async def _answered(ice: Any, pair: Any) -> bool:
    """Whether one request, never sent again, is answered in time."""
    key = ice.remote_password.encode()
    request = ice.build_request(pair, nominate=False)
    request.add_message_integrity(key)
    check = stun.Transaction(request, pair.remote_addr, pair.protocol, retransmissions=0, integrity_key=key)
    assert "_Transaction__timeout_delay" in vars(check)
    vars(check)["_Transaction__timeout_delay"] = max(LEAST_PATIENCE_S, 0.8 * aioice.ice.CONSENT_INTERVAL)
    pair.protocol.transactions[request.transaction_id] = check
    try:
        await check.run()
    except stun.TransactionError:
        return False
    finally:
        del pair.protocol.transactions[request.transaction_id]
    return True
