import Glibc
import JSON
import NetCore

/// What stands in the state file: which world, who holds it, and who is at home in its nodes.
struct WorldState: Hashable, Sendable {
    var description: WorldDescription
    var holder: ProcessIdentity
    /// The world's first process, which has the user namespace and the /run that all nodes share.
    var root: ProcessIdentity
    var nodes: [Node]
    /// It stays until it is stopped.
    var keep: Bool

    struct Node: Hashable, Sendable {
        var name: String
        var process: ProcessIdentity
    }

    var json: JSON {
        [
            "version": 1, "world": description.json, "holder": holder.json, "root": root.json, "keep": .bool(keep),
            "nodes": .array(nodes.map { ["name": .string($0.name), "process": $0.process.json] }),
        ]
    }

    init(_ description: WorldDescription, holder: ProcessIdentity, root: ProcessIdentity, nodes: [Node], keep: Bool) {
        (self.description, self.holder, self.root) = (description, holder, root)
        (self.nodes, self.keep) = (nodes, keep)
    }

    init?(_ json: JSON) {
        guard json["version"]?.integer == 1, let description = json["world"].flatMap({ WorldDescription($0) }),
            let holder = ProcessIdentity(json["holder"]), let root = ProcessIdentity(json["root"]),
            let list = json["nodes"]?.array
        else { return nil }
        var nodes: [Node] = []
        for item in list {
            guard let name = item["name"]?.string, let process = ProcessIdentity(item["process"]) else { return nil }
            nodes.append(Node(name: name, process: process))
        }
        self.init(description, holder: holder, root: root, nodes: nodes, keep: json["keep"]?.bool ?? false)
    }

    /// The world whose holder lives. Files of holders that are gone, and such as cannot be read, count as nothing.
    static func standing(in directory: LabDirectory) throws(LabError) -> WorldState? {
        guard try directory.check() else { return nil }
        let names = try during("look for a world") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: directory.path) }
        }
        for name in names ?? [] where name.utf8.starts(with: "world-".utf8) {
            guard let bytes = try? Files.read("\(directory.path)/\(name)", limit: 1 << 20),
                let json = try? JSON(parsing: bytes), let state = WorldState(json),
                LabDirectory.name(state.holder.pid) == name, state.holder.isAlive
            else { continue }
            return state
        }
        return nil
    }

    /// Files of holders that are gone are removed. Only for who has the directory's lock.
    static func sweep(_ directory: LabDirectory) {
        guard let names = try? Files.names(in: directory.path) else { return }
        for name in names where name.utf8.starts(with: "world-".utf8) { unlink("\(directory.path)/\(name)") }
    }
}
