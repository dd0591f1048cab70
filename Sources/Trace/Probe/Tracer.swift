import CKernel
import Glibc
import NetCore

/// Sends a probe and tells what became of it.
public enum Tracer {
    /// The probe is sent by its node, and everything that the nodes' kernels tell of it is put together. The caller has
    /// rights over the namespaces. Nothing of the tracer stays behind, however the process ends.
    public static func send(_ probe: Probe, nodes: [NodeReference]) throws(TraceError) -> Journey {
        try trace(probe, nodes: nodes).journey
    }

    /// As `send`, with more to choose and, where it was wished, the frames.
    public static func trace(_ probe: Probe, nodes: [NodeReference], _ options: TraceOptions = TraceOptions())
        throws(TraceError) -> TracedProbe
    {
        guard nodes.contains(where: { $0.name == probe.source }) else {
            throw TraceError.noSuchNode(probe.source, known: nodes.map(\.name))
        }
        guard probe.kind != .tcp || probe.payload.isEmpty || options.raw == nil && probe.waitsForReply else {
            throw TraceError.badProbe(
                "what TCP carries is sent when its SYN was answered: a payload goes neither by hand nor without an answer"
            )
        }
        guard Set(nodes.map(\.name)).count == nodes.count else { throw TraceError.badProbe("two nodes have one name") }
        let home = try kernel { () throws(KernelError) in try NetworkNamespace.current() }
        let table = TraceTable(pid: getpid())
        var sources: [NodeSources] = []
        for node in nodes {
            sources.append(try opened(node, home.number, table, options.backend))
        }
        var run = TraceRun(
            probe: probe, sources: sources, home: home.number, ours: table.name, tracepoints: try? DropTracepoints(),
            options: options)
        if options.keepsFrames || options.showsARP {
            for node in nodes { run.captures.append(ProbeFrames(try FrameCapture(node))) }
        }
        return try run.traced()
    }

    /// Throws what the kernel refused; of a container that has a user namespace of its own, that, too.
    static func opened(_ node: NodeReference, _ home: Int32, _ table: TraceTable, _ backend: TraceBackend)
        throws(TraceError) -> NodeSources
    {
        do throws(KernelError) {
            return try NodeSources(node, home: home, table: table, backend: backend)
        } catch { throw refusal(error, node) }
    }

    /// In words; of a container that has a user namespace of its own, that, too.
    static func refusal(_ error: KernelError, _ node: NodeReference) -> TraceError {
        let isRight = error.errno == .notPermitted || error.errno == .accessDenied
        guard isRight, let pid = node.pid, let theirs = try? Files.read("/proc/\(pid)/uid_map"),
            let own = try? Files.read("/proc/self/uid_map"), theirs != own
        else { return TraceError.kernel(error, node: node.name) }
        let words = "\(node.name) has a user namespace of its own, into which only the machine's root may look"
        return TraceError.kernel(
            KernelError(error.operation, error.errno, error.explanation.map { "\($0); \(words)" } ?? words),
            node: node.name)
    }

    static func kernel<Value: ~Copyable>(_ node: String? = nil, _ body: () throws(KernelError) -> Value)
        throws(TraceError) -> Value
    {
        do throws(KernelError) {
            return try body()
        } catch {
            throw TraceError.kernel(error, node: node)
        }
    }
}
