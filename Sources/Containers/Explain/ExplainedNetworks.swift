import CNI
import Inspect
import JSON
import NetCore
import NetPlan
import Networks

extension Containers {
    /// The network namespace that the bundle names, and what the container knows of its networks.
    func tellNetworks(
        _ container: Container, _ now: ContainerState, _ told: inout Told
    ) throws(APIError) -> (String?, [AttachedNetwork]) {
        let mode = now.host["NetworkMode"]?.string ?? ""
        if mode == "host" { return (nil, []) }
        if let other = try other(mode, "NetworkMode") {
            guard other.now.isAlive else {
                throw APIError(409, "cannot join network of a non running container: \(other.id)")
            }
            return (other.now.host["NetworkMode"]?.string == "host" ? nil : "/proc/\(other.now.pid)/ns/net", [])
        }
        let namespace = container.namespace
        let folder = word(Files.directory(of: namespace))
        // That of a user namespace was made with it, or beside the other's whose it is.
        if now.map == nil {
            told.step(
                "a network namespace, held by a bind mount as ip netns holds it; the folder's mounts reach other namespaces",
                "mkdir -p \(folder)",
                "mount --make-rshared \(folder) 2>/dev/null || { mount --rbind \(folder) \(folder) && mount --make-rshared \(folder); }",
                "touch \(word(namespace)) && unshare --net=\(word(namespace)) true")
        }
        told.step("lo is up", "nsenter --net=\(word(namespace)) ip link set lo up")
        guard mode != "none" else { return (namespace, []) }
        var attached: [AttachedNetwork] = []
        if now.isAlive {
            for one in now.attached {
                attached.append(try tellNetwork(container, one.network, one, one.interface, &told))
            }
        } else {
            for (index, name) in networkNames(now).enumerated() {
                attached.append(try tellNetwork(container, name, nil, "eth\(index)", &told))
            }
        }
        return (namespace, attached)
    }

    private func tellNetwork(
        _ container: Container, _ name: String, _ standing: AttachedNetwork?, _ interface: String, _ told: inout Told
    ) throws(APIError) -> AttachedNetwork {
        let asked = try interface == "eth0" ? Wish.ports(container.now) : []
        let wish = attachmentWish(
            container, to: name, interface: interface, ports: standing?.ports ?? asked)
        let planned: PlannedAttachment?
        do throws(NetworkError) {
            planned = try networks.planned(wish, to: name, isAttached: standing != nil)
        } catch {
            throw APIError(error.status, error.description)
        }
        guard let planned else { return AttachedNetwork() }
        for (port, chosen) in zip(asked, planned.ports) where port.hostPort == 0 && standing == nil {
            told.step(
                "the port of the host for \(port.containerPort)/\(port.protocolName) is any free one: \(chosen.hostPort) is free now",
                "# -p \(chosen.hostPort):\(port.containerPort)/\(port.protocolName)")
        }
        let attached = try tellChain(container, planned, standing, interface, &told)
        if let bridge = planned.closedBridge {
            told.step(
                "network \(planned.network) is internal: its bridge forwards nothing",
                echo("0", to: "/proc/sys/net/ipv4/conf/\(bridge)/forwarding"))
        }
        if !planned.responder.isEmpty {
            told.step(
                "names of network \(planned.network) are answered, by one program for all its containers; who is there stands in the file",
                planned.responder.map { word($0) }.joined(separator: " "))
        }
        return attached
    }

    private func tellChain(
        _ container: Container, _ planned: PlannedAttachment, _ standing: AttachedNetwork?, _ interface: String,
        _ told: inout Told
    ) throws(APIError) -> AttachedNetwork {
        var variables: [String: String] = [:]
        for one in planned.environment {
            let parts = one.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            variables[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        let environment = Environment(variables)
        let (list, parameters) = try chain(container, planned, interface)
        // An address that the list itself says is no wish of anybody's.
        let isStatic = list.plugins.first?["ipam"]?["type"]?.string == "static"
        do throws(InspectError) {
            let plan = try ListPlan(
                of: list, for: parameters, addresses: isStatic ? [] : standing?.addresses ?? [],
                environment: environment, onHost: true)
            if !plan.assumptions.isEmpty, standing == nil {
                told.step(
                    "network \(planned.network): " + plan.assumptions.joined(separator: "; "),
                    "# \(interface): \(plan.result.ips.map { "\($0.address)" }.joined(separator: " "))")
            }
            told.add(plan.steps(environment))
            if let standing { return standing }
            return try attached(planned, plan)
        } catch {
            guard error.code == .address else { throw APIError(500, Containers.words(error)) }
            // Somebody else's address management: nobody knows what it will answer.
            do throws(InspectError) {
                told.add(try ListPlan.calls(of: list, for: parameters, environment: environment))
            } catch {
                throw APIError(500, Containers.words(error))
            }
            return standing ?? AttachedNetwork()
        }
    }

    private static func words(_ error: InspectError) -> String {
        error.message + (error.cause.map { "\n  by: \($0)" } ?? "") + "\n  fix: \(error.fix)"
    }

    private func chain(
        _ container: Container, _ planned: PlannedAttachment, _ interface: String
    ) throws(APIError) -> (NetworkConfigurationList, AttachmentParameters) {
        do throws(CNIError) {
            guard let link = LinkName(interface) else { throw CNIError(.internal, "\(interface) is no link's name") }
            let list = try NetworkConfigurationList(decoding: Array(JSON.object(planned.list).text.utf8))
            let parameters = try AttachmentParameters(
                containerID: container.id, netns: container.namespace, interface: link, arguments: CNIArguments(),
                capabilities: planned.capabilities)
            return (list, parameters)
        } catch {
            throw APIError(500, "network \(planned.network): \(error)")
        }
    }

    private func attached(_ planned: PlannedAttachment, _ plan: ListPlan) throws(InspectError) -> AttachedNetwork {
        do throws(CNIError) {
            let result = try plan.result.json(version: plan.list.version)
            do throws(NetworkError) {
                return try planned.attached(result)
            } catch {
                throw CNIError(.internal, error.description)
            }
        } catch {
            throw InspectError(error)
        }
    }
}
