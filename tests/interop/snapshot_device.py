"""A device in Python that joins by a snapshot: reads a file and the past of an item, writes a file of its own.

Reads server, e-mail address, account password, main password and the ids of an item and of one with a file from standard
input, one on a line.
"""

import hashlib
import json
import sys
from uuid import UUID

from kpm import Device, KpmClient, SyncStream, Vault, applied, new_id
from kpm.item.v1.item_pb2 import Document, Item
from kpm.v1.sign_in_pb2 import SignInRequest

server, email, password, main_password, item, document = sys.stdin.read().splitlines()
item_id, document_id = UUID(item), UUID(document)
with KpmClient(server) as client:
    device = Device("Python")
    client.connect(client.accounts.SignIn(SignInRequest(email=email, password=password, device=device.info())).signed_in)
    vault = Vault.open(client, device, main_password)
    vault.log.check_chain(1, bytes(32))  # would raise if the device had read the log from its beginning
    [passport] = vault.items[document_id].document.files
    content = b"".join(vault.files.download(document_id, passport))
    ranged = b"".join(vault.files.download(document_id, passport, offset=524_280, length=20))
    past = list(vault.history.revisions(item_id))
    with SyncStream(vault) as stream:
        next(event for event in stream if event.type == "caughtUp")
        own_id = new_id()
        file = vault.files.seal(own_id, "von Python.bin", "application/octet-stream", bytes(range(256)) * 5000)
        vault.files.upload(file)
        own = Item(name="from Python", document=Document(files=[file.attachment]))
        seq = applied(stream.push([vault.put(own, own_id)])[0])
        next(event for event in stream if event.type == "item" and event.id == own_id)
    checkpoint = vault.publish_checkpoint()
    print(json.dumps({
        "device": str(device.id),
        "items": sorted(value.name for value in vault.items.values()),
        "file": hashlib.sha256(content).hexdigest(),
        "range": ranged.hex(),
        "past": [[revision.rev, revision.deleted] for revision in past],
        "first": vault.history.revision(item_id, 1).name,
        "trash": [trashed.item_id for trashed in vault.history.trash()],
        "own": str(own_id),
        "seq": seq,
        "checkpoint": checkpoint,
    }))
