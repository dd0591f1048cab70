import CContainer
import CKernel
import Glibc
import JSON
public import NetCore

/// A world that stands: its nodes, and the ways in.
public struct World: Sendable {
    public let description: WorldDescription
    public let nodes: [RunningNode]
    /// It stays until it is stopped; else it ends half an hour after its last use.
    public let isKept: Bool
    /// The process that it lives by.
    public var holder: ProcessIdentity { state.holder }
    let state: WorldState
    let directory: LabDirectory

    /// A node and its first process.
    public struct RunningNode: Hashable, Sendable {
        public let name: String
        public let process: ProcessIdentity
    }

    private init(_ state: WorldState, _ directory: LabDirectory) {
        self.state = state
        description = state.description
        self.directory = directory
        isKept = state.keep
        nodes = state.nodes.map { RunningNode(name: $0.name, process: $0.process) }
    }

    /// The world of this user; nil when none stands. What a dead holder left counts as nothing.
    public static func running(in directory: LabDirectory = .standard) throws(LabError) -> World? {
        guard let state = try WorldState.standing(in: directory) else { return nil }
        return World(state, directory)
    }

    /// As above. Throws E-MISSING, whose exit code is 2, when none stands.
    public static func standing(in directory: LabDirectory = .standard) throws(LabError) -> World {
        if let world = try running(in: directory) { return world }
        throw LabError(.missing, "no world stands", fix: "start one: berth lab start standard")
    }

    static func unknown(_ name: String) -> LabError {
        LabError(
            .name, "there is no world called \(name)",
            fix: "take one of these: \(StandardWorlds.all.map(\.name).joined(by: ", "))")
    }

    /// Each node as pictures and traces know it; to be opened after `enter()`.
    public var references: [NodeReference] {
        nodes.map { NodeReference(name: $0.name, namespace: "/proc/\($0.process.pid)/ns/net", pid: $0.process.pid) }
    }

    public func node(_ name: String) throws(LabError) -> RunningNode {
        guard let node = nodes.first(where: { $0.name == name }) else {
            throw LabError(
                .name, "there is no node called \(name) in world \(description.name)",
                fix: "take one of these: \(nodes.map(\.name).joined(by: ", "))")
        }
        return node
    }

    /// The calling process, which must have one thread, has every right over the nodes, and has left the host's network for the
    /// world's own empty one: it can go from node to node and change nothing outside. It cannot come back.
    public func enter() throws(LabError) {
        let root = try handle(state.root, "the world's first process")
        defer { close(root) }
        try during("enter the world") { () throws(KernelError) in
            // Into the user namespace that one is in already the kernel lets nobody.
            let (own, theirs) = (
                NetworkNamespace.Identity(path: "/proc/self/ns/user"),
                NetworkNamespace.Identity(path: "/proc/\(state.root.pid)/ns/user")
            )
            if own == nil || own != theirs {
                try check("enter the world's user namespace") { berth_setns_kinds(root, Int32(CLONE_NEWUSER)) }
            }
            try check("enter the world's network") { berth_setns_kinds(root, Int32(CLONE_NEWNET)) }
        }
    }

    func handle(_ process: ProcessIdentity, _ words: String) throws(LabError) -> Int32 {
        if let handle = process.handle() { return handle }
        throw LabError(
            .missing, "\(words) is gone", cause: "process \(process.pid) has ended",
            fix: "start the world anew: berth lab stop, then berth lab start \(description.name)")
    }
}
