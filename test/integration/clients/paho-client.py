"""A device of the counting flow on Paho: publishes what it is told to, prints what it is sent.

arguments: host port device version(3|4|5) id...
"""

import json
import sys
import threading

import paho.mqtt.client as paho

host, port, name, version, *ids = sys.argv[1:]
subscribed = threading.Event()
complete = threading.Event()
echoed = []


def on_connect(client, _userdata, _flags, reason, _properties):
    if reason.is_failure:
        sys.exit(f"refused: {reason}")
    client.subscribe(f"count/{name}/echo", qos=1)


def on_subscribe(_client, _userdata, _mid, reasons, _properties):
    if any(reason.is_failure for reason in reasons):
        sys.exit(f"not subscribed: {reasons}")
    subscribed.set()


def on_message(_client, _userdata, message):
    echoed.append(json.loads(message.payload)["id"])
    if len(echoed) == len(ids):
        complete.set()


client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=int(version))
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(host, int(port), keepalive=20)
client.loop_start()
if not subscribed.wait(20):
    sys.exit("no SUBACK came")
for one in ids:
    client.publish(f"count/{name}/tick", json.dumps({"id": one}), qos=1).wait_for_publish(20)
complete.wait(20)
client.disconnect()
client.loop_stop()
print(json.dumps(echoed))
