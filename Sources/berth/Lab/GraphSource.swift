#if Daemon
    import Inspect
    import Lab
    import NetCore
    import Topology
    import View

    /// Which namespaces a picture shows, and what is known of them beyond the kernel.
    enum GraphSource {
        case world(World)
        case host
        case namespaces([String])

        /// As the flags say; without one, the world where one stands, else this host if anything is attached to it.
        init(lab: Bool, host: Bool, netns: [String]) throws {
            if !netns.isEmpty {
                self = .namespaces(netns)
            } else if host {
                self = .host
            } else if lab {
                self = .world(try World.standing())
                try enter()
            } else if let world = try World.running() {
                self = .world(world)
                try enter()
            } else {
                try GraphSource.expectAttachments()
                self = .host
            }
        }

        private func enter() throws { if case .world(let world) = self { try world.enter() } }

        private static let fix = "berth lab start standard, berth graph --host, or berth graph --netns PATH"

        private static func expectAttachments() throws {
            do {
                guard try AttachmentList(of: .process).entries.isEmpty, HostContainers().running().isEmpty else {
                    return
                }
            } catch  where error.code == .privilege {
                throw LabError(
                    .privilege, "no world stands, and this host's attachments are root's to read", cause: error.cause,
                    fix: "berth lab start standard, or sudo berth graph")
            }
            throw LabError(.missing, "no world stands and nothing is attached to this host", fix: fix)
        }

        var title: String {
            switch self {
            case .world(let world): "world \(world.description.name)"
            case .host: "host"
            case .namespaces: "network namespaces"
            }
        }

        /// Throws where the records cannot be read.
        func subjects() throws -> [NetworkMap.Subject] {
            switch self {
            case .world(let world): world.references.map { NetworkMap.Subject($0) }
            case .namespaces(let paths): GraphSource.named(paths)
            case .host: try GraphSource.host(try AttachmentList(of: .process), HostContainers().running())
            }
        }

        /// This host's, for who looks again and again. It throws `EyeRefusal` where they are root's to read.
        static func hostSubjects() -> () throws -> [NetworkMap.Subject] {
            let containers = HostContainers()
            return {
                do {
                    return try host(try AttachmentList(of: .process), containers.running())
                } catch let error as InspectError where error.code == .privilege {
                    throw EyeRefusal.privilege
                }
            }
        }

        private static func named(_ paths: [String]) -> [NetworkMap.Subject] {
            paths.map { path in
                let parts = path.split(separator: "/").map(String.init)
                // /proc/812/ns/net is known by its process.
                let isProcess = parts.count == 4 && parts[0] == "proc" && parts[2] == "ns"
                let isOwn = isProcess && !parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) }
                let name = isOwn ? "here" : isProcess ? "pid-\(parts[1])" : parts.last ?? path
                return NetworkMap.Subject(NodeReference(name: name, namespace: path))
            }
        }

        /// This namespace, those of berth's attachments, and those of the containers that have a network of their own.
        private static func host(_ list: AttachmentList, _ containers: [HostContainers.Container]) throws
            -> [NetworkMap.Subject]
        {
            var host = NetworkMap.Subject(NodeReference(name: "host", namespace: "/proc/thread-self/ns/net"))
            var subjects: [NetworkMap.Subject] = []
            for entry in list.entries {
                let id = entry.attachment.containerID
                let known = containers.first { $0.id == id }
                let name = known?.name ?? (id.count > 20 ? String(id.prefix(12)) : id)
                host.notes += entry.ports.map { "\($0.published) → \(name):\($0.port)" }
                let interface = "\(entry.attachment.interface) on \(entry.attachment.network)"
                let state = entry.isDone ? "" : ", its ADD has not ended"
                guard let path = entry.netns, NetworkNamespace.isOpenable(path) else {
                    host.notes.append("\(name): \(interface), its namespace is gone")
                    continue
                }
                subjects.append(
                    NetworkMap.Subject(
                        NodeReference(name: name, namespace: path), notes: ["\(interface)\(state)"]))
            }
            var seen = Set(([host] + subjects).compactMap { NetworkNamespace.Identity(path: $0.reference.namespace) })
            for container in containers {
                if container.engine != "berth" { host.notes += container.ports }
                // Containers of a pod share a network, and some have the host's.
                guard let identity = NetworkNamespace.Identity(path: container.namespace),
                    seen.insert(identity).inserted
                else { continue }
                subjects.append(
                    NetworkMap.Subject(
                        NodeReference(name: container.name, namespace: container.namespace, pid: container.pid),
                        notes: ["container of \(container.engine)"]))
            }
            return [host] + subjects
        }

        /// A picture's failure, with how to mend it.
        func sentence(_ error: TopologyError) -> LabError {
            guard case .kernel(let cause, let node) = error else {
                return LabError(.kernel, "\(error)", fix: "tell the developers of it: this is a fault of berth's")
            }
            let message = "cannot read the network of \(node)"
            switch (cause.errno, self) {
            case (.notPermitted, _), (.accessDenied, _):
                return LabError(
                    .privilege, "\(message): other namespaces are root's to read", cause: cause.description,
                    fix: "run it with sudo, or try a lab, which needs no root: berth lab start standard")
            case (.noSuchFile, .world):
                return LabError(
                    .missing, "the world has ended", cause: cause.description,
                    fix: "start one: berth lab start standard")
            case (.noSuchFile, _), (.invalidArgument, _):
                return LabError(
                    .name, message, cause: cause.description,
                    fix: "name the file of a network namespace: /run/netns/NAME or /proc/PID/ns/net")
            default:
                return LabError(
                    .kernel, message, cause: cause.description, fix: "see what the kernel says of it: dmesg")
            }
        }
    }
#endif
