"""What stands on the host around the random operations on containers: before them, while everybody rests, and at the end."""

import os
import time

from containers_host import DATA, RUN, SOCKET, body, cgroups, message, mounts, shims
from containers_random_model import ALIVE, SHARED_CONTAINER, SHARED_NETWORK, SHARED_VOLUME
from docker_api import API
from private_host import Failed


def rest_point(model, clients, daemon):
    """Nobody works: everything that stands on the host is the model's."""
    api = API(SOCKET)
    if daemon.process.poll() is not None:
        return model.fail(f"the daemon ended by itself with {daemon.process.returncode}:\n{daemon.said()}")
    problem = []
    # A policy, or the end of what was killed, has its time.
    for _ in range(60):
        problem = []
        listed = api.ask("GET", "/containers/json?all=1")[1]
        for client in clients:
            try:
                client.compare(listed)
            except Failed as error:
                problem.append(str(error))
        known = {slot.id for client in clients for slot in client.slots if slot.id}
        problem += [f"ps -a has what nobody made: {one['Names']}" for one in listed
                    if one["Id"] not in known and one["Names"] != [f"/{SHARED_CONTAINER}"]]
        alive = sorted(one["Id"] for one in listed if one["State"] in ALIVE)
        found = {
            "shims": shims(),
            "mounted roots": sorted(words.split("/")[-2] for words in mounts() if words.endswith("/rootfs (overlay)")),
            "namespaces": sorted(os.listdir(f"{RUN}/netns")) if os.path.isdir(f"{RUN}/netns") else [],
            "control groups": sorted({name.rpartition("/")[2] for name in cgroups()}),
            "runtime's folders": sorted(os.listdir(f"{RUN}/containers")),
            "records of berth-oci": sorted(name for name in os.listdir(f"{RUN}/oci") if len(name) == 64),
        }
        for what, ids in found.items():
            if ids != alive:
                problem += [f"{what}: {one[:12]} has one and does not run" for one in ids if one not in alive]
                problem += [f"{what}: {one[:12]} runs and has none" for one in alive if one not in ids]
        problem += addresses(listed)
        if not problem:
            api.close()
            return model.count("(rest, all as the model says)")
        time.sleep(0.1)
    return model.fail("while everybody rests:\n" + "\n".join(problem[:20]))


def addresses(listed):
    """No two containers have one address, and host-local leases exactly theirs."""
    held, problem = {}, []
    for one in listed:
        for name, network in one["NetworkSettings"]["Networks"].items():
            if one["State"] in ALIVE and network["IPAddress"]:
                key = (name, network["IPAddress"])
                if key in held:
                    problem.append(f"{key} is the address of {held[key]} and {one['Names']}")
                held[key] = one["Names"]
    top = f"{DATA}/networks/.leases"
    leased = {(name, lease) for name in os.listdir(top) if not name.startswith(".")
              for lease in os.listdir(f"{top}/{name}") if lease[0].isdigit()}
    problem += [f"{key} is leased and nobody's" for key in sorted(leased - set(held))]
    problem += [f"{key} is the address of {held[key]} and not leased" for key in sorted(set(held) - leased)]
    return problem


def warm_up(api):
    """What one container of each kind leaves by design: bridge, base table, forwarding, folders."""
    for what in ({"Name": SHARED_NETWORK},):
        api.ask("POST", "/networks/create", what)
    for index, mode in enumerate(("bridge", SHARED_NETWORK)):
        settings = {"NetworkMode": mode, "PortBindings": {"80/tcp": [{"HostPort": "19999"}]}, "Binds": [f"{SHARED_VOLUME}:/data"]}
        for method, target, more in (("POST", f"/containers/create?name=warm{index}", body(HostConfig=settings)),
                                     ("POST", f"/containers/warm{index}/start", None), ("DELETE", f"/containers/warm{index}?force=1&v=1", None)):
            status, answer = api.ask(method, target, more)
            if status not in (201, 204):
                raise Failed(f"{method} {target}: {status} {message(answer)}")
    api.ask("DELETE", f"/volumes/{SHARED_VOLUME}")
    api.ask("DELETE", f"/networks/{SHARED_NETWORK}")


def take_down(api, model):
    listed = api.ask("GET", "/containers/json?all=1")[1]
    for one in listed:
        status, answer = api.ask("DELETE", f"/containers/{one['Id']}?force=1&v=1")
        if status != 204:
            model.fail(f"rm -f of {one['Names']} at the end: {status} {message(answer)}")
    for kind, key in (("networks", None), ("volumes", "Volumes")):
        answer = api.ask("GET", f"/{kind}")[1]
        for one in answer[key] if key else answer:
            if one["Name"] in ("bridge", "host", "none"):
                continue
            if kind == "volumes" and one["Name"] != SHARED_VOLUME and not one["Name"].startswith("v"):
                model.fail(f"volume {one['Name']} is nobody's: rm -v did not take it away, or a create that was cut left it")
            status, answer = api.ask("DELETE", f"/{kind}/{one['Name']}")
            if status != 204:
                model.fail(f"{kind} rm {one['Name']} at the end: {status} {message(answer)}")
