"""The whole walk: an account, its activation, two devices, one item that appears on the second as the first saves it.

    cd clients/python
    /usr/bin/python3 -m example.walk --server http://127.0.0.1:5080 --mail ../../data/mail

KPM_SERVER and KPM_MAIL say the same.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import os
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from kpm import Device, KpmClient, SyncStream, Vault, VaultEvent, applied, new_id
from kpm.item.v1.item_pb2 import Item, WebAddress, WebsiteLogin
from kpm.v1.account_service_pb2 import GetSignInOptionsRequest
from kpm.v1.sign_in_pb2 import CreateAccountRequest, SignInRequest
from kpm.v1.vault_service_pb2 import GetVaultRequest
from kpm.v1.verification_service_pb2 import ActivateAccountRequest

EMAIL = f"walk-{uuid.uuid4()}@example.org"
PASSWORD = "Walk-to-the-server-1"
MAIN_PASSWORD = "four things that never leave this device"


def say(step: str, text: str) -> None:
    print(f"{step:10} {text}", flush=True)


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise RuntimeError(f"not so: {what}")


def until(stream: SyncStream, fits: Callable[[VaultEvent], bool]) -> VaultEvent:
    """The next event that fits; everything before it was verified too."""
    for event in stream:
        if fits(event):
            return event
    raise RuntimeError("the stream ended")


def is_item(item_id: uuid.UUID, rev: int) -> Callable[[VaultEvent], bool]:
    return lambda event: event.type == "item" and (event.id, event.rev) == (item_id, rev)


def activation_code(folder: Path) -> str:
    """Waits for the mail and gives the six digits of its text, as a person would read them in a mail program."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in folder.glob("*.eml"):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if EMAIL in mail["to"]:
                found = re.search(r"(?<![\w-])\d{6}(?![\w-])", mail.get_body(("plain",)).get_content())
                expect(found is not None, f"the mail {path.name} has a code")
                return found[0]
        time.sleep(0.1)
    raise TimeoutError(f"no mail to {EMAIL} in {folder} for 30 seconds")


def register(client: KpmClient, device: Device) -> None:
    offer = client.accounts.GetSignInOptions(GetSignInOptionsRequest(locale="en-GB"))
    region = next(region for region in offer.regions if region.code == offer.selected_region)
    response = client.accounts.CreateAccount(CreateAccountRequest(
        email=EMAIL,
        password=PASSWORD,
        password_confirmation=PASSWORD,
        region=region.code,
        language=region.languages[0],
        marketing_consent=False,
        consent_version=offer.marketing_consent.version,
        device=device.info(),
    ))
    expect(response.WhichOneof("outcome") == "created", "the account was created")
    client.connect(response.created)
    say("account", f"{client.account_id} created in {region.name} for {EMAIL}")


def sign_in(client: KpmClient, device: Device) -> None:
    response = client.accounts.SignIn(SignInRequest(email=EMAIL, password=PASSWORD, device=device.info()))
    expect(response.WhichOneof("outcome") == "signed_in", "the device was signed in")
    client.connect(response.signed_in)


def walk(first: KpmClient, second: KpmClient, mail: Path) -> None:
    laptop = Device("laptop (Python)")
    register(first, laptop)
    first.verification.ActivateAccount(ActivateAccountRequest(code=activation_code(mail)))
    say("mail", "activation mail read, account activated")

    vault = Vault.create(first, laptop, MAIN_PASSWORD)
    stream = SyncStream(vault)
    say("laptop", "enrolled as ROOT, keyset written, stream open")

    phone = Device("phone (Python)")
    sign_in(second, phone)
    phone_vault = Vault.open(second, phone, MAIN_PASSWORD)
    phone_stream = SyncStream(phone_vault)
    until(phone_stream, lambda event: event.type == "caughtUp")
    say("phone", f"signed in, vault opened and enrolled as KEYED, log verified up to {phone_vault.log.seq}")
    until(stream, lambda event: event.type == "device" and event.entry.device == phone.id)
    say("laptop", "shows that a device joined with the main password")

    item = Item(
        name="Example bank",
        created_at_ms=time.time_ns() // 1_000_000,
        website_login=WebsiteLogin(
            username="ada",
            password=secrets.token_urlsafe(),
            addresses=[WebAddress(id=str(new_id()), url="https://bank.example")],
        ),
    )
    saved = vault.put(item)
    item_id = uuid.UUID(saved.subject_id)
    started = time.monotonic()
    [result] = stream.push([saved])
    event = until(phone_stream, is_item(item_id, 1))
    elapsed = time.monotonic() - started
    expect(event.item == item, "the phone reads what the laptop wrote")
    expect(event.author == laptop.id, "the laptop signed it")
    say("laptop", f'saved "{item.name}" as entry {applied(result)} of the log')
    say("phone", f'shows "{event.item.name}" {elapsed * 1000:.0f} ms later, decrypted and verified')

    edited = Item()
    edited.CopyFrom(event.item)
    edited.favourite = True
    phone_stream.push([phone_vault.put(edited, item_id)])
    back = until(stream, is_item(item_id, 2))
    until(phone_stream, is_item(item_id, 2))
    expect(back.item.favourite, "the laptop reads what the phone wrote")
    say("laptop", f"shows the phone's edit as revision {back.rev}")

    expect(vault.log.seq == phone_vault.log.seq, "both devices hold the same number of entries")
    expect(vault.log.chain_hash == phone_vault.log.chain_hash, "both devices hold the same chain")
    stored = first.vault.GetVault(GetVaultRequest())
    vault.log.check_chain(stored.head_seq, stored.chain_hash)
    devices = ", ".join(entry.enrolment.name for entry in vault.log.devices.values())
    chain = vault.log.chain_hash.hex()[:16]
    say("both", f"hold the same {vault.log.seq} entries (devices {devices}), chain {chain}…")
    stream.close()
    phone_stream.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.environ.get("KPM_SERVER", "http://127.0.0.1:5080"))
    parser.add_argument("--mail", type=Path, default=Path(os.environ.get("KPM_MAIL", "data/mail")))
    options = parser.parse_args()
    say("server", options.server)

    def give_up() -> None:
        print("the walk did not end within two minutes", flush=True)
        os._exit(1)

    time_limit = threading.Timer(120, give_up)
    time_limit.daemon = True
    time_limit.start()
    with KpmClient(options.server) as first, KpmClient(options.server) as second:
        walk(first, second, options.mail)
    time_limit.cancel()


if __name__ == "__main__":
    main()
