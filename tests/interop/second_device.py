"""A second device in Python: signs in, opens the vault, prints the items that it read and writes one of its own.

Reads server, e-mail address, account password and main password from standard input, one on a line.
"""

import json
import sys

from google.protobuf.json_format import MessageToDict

from kpm import Device, KpmClient, SyncStream, Vault, applied
from kpm.item.v1.item_pb2 import Item
from kpm.v1.sign_in_pb2 import SignInRequest

server, email, password, main_password = sys.stdin.read().splitlines()
with KpmClient(server) as client:
    device = Device("Python")
    response = client.accounts.SignIn(SignInRequest(email=email, password=password, device=device.info()))
    client.connect(response.signed_in)
    vault = Vault.open(client, device, main_password)
    read = [MessageToDict(item) for item in vault.items.values()]
    with SyncStream(vault) as stream:
        [result] = stream.push([vault.put(Item(name="von Python: 鍵 🔑", notes="x" * 5000))])
    print(json.dumps({"device": str(device.id), "read": read, "seq": applied(result), "enrolled": len(vault.log.devices)}))
