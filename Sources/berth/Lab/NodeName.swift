#if Daemon
    import CNI
    import Client
    import Glibc
    import Inspect
    import JSON
    import Lab
    import NetCore

    /// How commands name a node, which is a network namespace: one of the lab's, a container or attachment, netns:PATH,
    /// pid:NUMBER, or `host`, the command's own.
    enum NodeName: Hashable {
        case own
        case path(String)
        case process(Int32)
        case lab(String)
        case container(String)
        /// A container of Docker's daemon.
        case docker(String)
        /// Without a word before it: whatever has that name.
        case name(String)

        static let forms =
            "a node of the lab's (lab:NAME), a container's name or id (container:NAME; docker:NAME of Docker's), netns:PATH, pid:NUMBER, or host"

        /// Throws E-NAME with what was expected.
        init(parsing text: String) throws(InspectError) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                guard !text.isEmpty else { throw NodeName.refusal("a node's name is empty") }
                self = .name(text)
                return
            }
            let rest = parts[1]
            guard !rest.isEmpty else { throw NodeName.refusal("\(text) names no node: nothing stands after the colon") }
            switch parts[0] {
            case "netns": self = .path(rest.hasPrefix("/") ? rest : "/run/netns/\(rest)")
            case "pid":
                guard let pid = Int32(rest), pid > 0 else {
                    throw NodeName.refusal("pid:\(rest) names no process: a number was expected")
                }
                self = .process(pid)
            case "lab": self = .lab(rest)
            case "container": self = .container(rest)
            case "docker": self = .docker(rest)
            default:
                let known = ["netns", "pid", "lab", "container", "docker"]
                let near = NodeName.nearest(parts[0], known).map { ": did you mean \($0):\(rest)?" } ?? ""
                throw NodeName.refusal("\(parts[0]): is no kind of node\(near)")
            }
        }

        private static func refusal(_ words: String) -> InspectError {
            InspectError(.name, words, fix: "name \(forms)")
        }

        /// The words' nodes, in their order; none means the command's own. When one is the lab's, the process is in the
        /// lab's world afterwards, and the world is in use until the process ends. The process must have one thread.
        static func resolve(_ words: [String]) throws -> [NodeReference] {
            var names: [NodeName] = []
            for word in words { names.append(try NodeName(parsing: word)) }
            if names.isEmpty { names = [.own] }
            var finder = Finder()
            let found = try names.map { try finder.find($0) }
            for (index, one) in found.enumerated() where found[..<index].contains(where: { $0.name == one.name }) {
                throw InspectError(
                    .name, "two of the nodes are called \(one.name)", fix: "name each node once")
            }
            if let world = finder.entered {
                try world.keepInUse()
                try world.enter()
            }
            return found
        }

        /// As above, of one.
        static func resolve(_ word: String) throws -> NodeReference { try resolve([word])[0] }

        /// The known word that a typo was meant for; nil when none is near.
        static func nearest(_ word: String, _ known: [String]) -> String? {
            let near = known.map { (word: $0, distance: Spelling.distance(word, $0)) }
                .min { $0.distance < $1.distance }
            // A short name has room for one slip, but two letters that changed places are two.
            guard let near, near.distance <= 2, near.distance < word.utf8.count else { return nil }
            return near.word
        }
    }

    /// Looks names up; each source is asked once, and only when a name needs it.
    private struct Finder {
        /// The world that a found node belongs to.
        var entered: World?
        private var isWorldLookedUp = false
        private var world: World?
        private var attachments: [AttachmentList.Entry]?

        mutating func find(_ name: NodeName) throws -> NodeReference {
            switch name {
            case .own: return try own()
            case .path(let path): return try namespace(path, name: path.split(separator: "/").last.map(String.init))
            case .process(let pid): return try process(pid)
            case .lab(let node):
                if let inside = insideNode(node) { return inside }
                let world = try World.standing()
                _ = try world.node(node)
                if let found = try labNode(node) { return found }
                throw try missing(node, among: "the lab's nodes")
            case .container(let name):
                if let found = try container(name) ?? attachment(name) { return found }
                throw try missing(name, among: "containers and attachments")
            case .docker(let name): return try DockerNode.find(name)
            case .name(let name):
                if let found = try labNode(name) ?? insideNode(name) { return found }
                let path = "/run/netns/\(name)"
                // An attachment of that name is container:host; a thousand records are not read for one's own namespace.
                if name == "host" { return Files.exists(path) ? try namespace(path, name: name) : try own() }
                if let found = try container(name) ?? attachment(name) { return found }
                if !name.contains("/"), Files.exists(path) { return try namespace(path, name: name) }
                throw try missing(name, among: "the lab's nodes, containers, attachments and names in /run/netns")
            }
        }

        /// Held open: the process may leave it for the lab's world.
        private func own() throws -> NodeReference {
            let number = try asking("open the own network namespace") {
                open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            }
            return NodeReference(name: "host", namespace: "/proc/self/fd/\(number)", pid: nil)
        }

        private func asking(_ operation: String, _ call: () -> Int32) throws -> Int32 {
            do throws(KernelError) {
                return try check(operation, call)
            } catch { throw InspectError(error) }
        }

        private func namespace(_ path: String, name: String?) throws -> NodeReference {
            do throws(KernelError) {
                _ = try NetworkNamespace(open: path)
            } catch { throw InspectError(error) }
            return NodeReference(name: name ?? path, namespace: path)
        }

        private func process(_ pid: Int32) throws -> NodeReference {
            guard Files.exists("/proc/\(pid)") else {
                throw InspectError(.missing, "there is no process \(pid)", fix: "look for it: ps -e")
            }
            return NodeReference(name: "pid:\(pid)", namespace: "/proc/\(pid)/ns/net", pid: pid)
        }

        private mutating func standing() throws -> World? {
            if !isWorldLookedUp {
                world = try World.running()
                isWorldLookedUp = true
            }
            return world
        }

        private mutating func labNode(_ name: String) throws -> NodeReference? {
            guard let world = try standing(), let found = world.references.first(where: { $0.name == name }) else {
                return nil
            }
            entered = world
            return found
        }

        /// In a shell of the world its state file is not to be seen, but /run/netns is its own.
        private func insideNode(_ name: String) -> NodeReference? {
            let path = "/run/netns/\(name)"
            guard getenv("BERTH_LAB_NODE") != nil, !name.contains("/"), Files.exists(path) else { return nil }
            return NodeReference(name: name, namespace: path)
        }

        /// Of the daemon on this machine; nil when there is none, it may not be asked, or has none of that name.
        private func container(_ name: String) throws -> NodeReference? {
            let text = getenv("BERTH_HOST").map { String(cString: $0) } ?? ""
            guard text.isEmpty || text.hasPrefix("unix://"), let daemon = try? Daemon.chosen(),
                let found = try? daemon.json("GET", "/containers/\(name.pathEncoded)/json")
            else { return nil }
            let real = found["Name"]?.string.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? name
            guard let pid = found["State"]?["Pid"]?.integer, pid > 0, pid <= Int64(Int32.max) else {
                throw InspectError(
                    .missing, "container \(real) does not run", cause: "only a running container has a network",
                    fix: "start it: berth start \(real)")
            }
            return NodeReference(name: real, namespace: "/proc/\(pid)/ns/net", pid: Int32(pid))
        }

        private mutating func known() -> [AttachmentList.Entry] {
            if let attachments { return attachments }
            // For who may not read the records there are none.
            let list = (try? AttachmentList(of: .process))?.entries.filter { $0.netns != nil } ?? []
            attachments = list
            return list
        }

        /// For who may not read the records there are none.
        private func attachment(_ name: String) throws -> NodeReference? {
            // Of a thousand records one is read, where the name is whole and the interface is called as mostly.
            let usual = (try? AttachmentList(of: .process, container: name, LinkName("eth0")!))?.entries ?? []
            if let path = usual.lazy.compactMap(\.netns).first { return try namespace(path, name: name) }
            let list = ((try? AttachmentList(of: .process, mentioning: "\"containerID\":\"\(name)"))?.entries ?? [])
                .filter { $0.netns != nil }
            var found = Set(list.filter { $0.attachment.containerID == name }.map(\.attachment.containerID))
            if found.isEmpty, name.utf8.count >= 4 {
                found = Set(
                    list.map(\.attachment.containerID).filter { $0.hasPrefix(name) })
            }
            guard let one = found.sorted().first else { return nil }
            guard found.count == 1 else {
                throw InspectError(
                    .name, "\(found.count) attachments have an id that begins with \(name)",
                    fix: "write more of it: \(found.sorted().joined(by: ", "))")
            }
            guard let path = list.first(where: { $0.attachment.containerID == one })?.netns else { return nil }
            return try namespace(path, name: one)
        }

        private mutating func missing(_ name: String, among: String) throws -> InspectError {
            let nodes = try standing()?.nodes.map(\.name) ?? []
            let named = (try? Files.names(in: "/run/netns"))?.sorted() ?? []
            let all = (nodes + named + known().map(\.attachment.containerID) + ["host"]).reduce(into: [String]()) {
                if !$0.contains($1) { $0.append($1) }
            }
            let near = NodeName.nearest(name, all).map { ": did you mean \($0)?" } ?? ""
            let shown = Array(all.prefix(12)).joined(by: ", ")
            return InspectError(
                .missing, "no node is called \(name)\(near)", cause: "looked among \(among)",
                fix: "take one of these: \(shown); or \(NodeName.forms)")
        }
    }
#endif
