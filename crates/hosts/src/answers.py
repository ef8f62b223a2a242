# Asks each address once, and prints a line for each: the address, and `ok` or what is wrong with it. Changes nothing.
import http.client
import socket
import sys
import threading

LIMIT = 8


def ask(address):
    if not address.startswith("http://"):
        host, port = address.rsplit(":", 1)
        socket.create_connection((host, int(port)), LIMIT).close()
        return "ok"
    host, slash, path = address[len("http://"):].partition("/")
    connection = http.client.HTTPConnection(host, timeout=LIMIT)
    connection.request("GET", slash + path or "/")
    status = connection.getresponse().status
    return "ok" if status < 400 else "status %d" % status


def tell(address, told):
    try:
        told[address] = ask(address)
    except (OSError, http.client.HTTPException) as error:
        told[address] = str(error) or type(error).__name__


told = {}
threads = [threading.Thread(target=tell, args=(address, told)) for address in sys.argv[1:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for address in sys.argv[1:]:
    print(address, " ".join(told[address].split()))
