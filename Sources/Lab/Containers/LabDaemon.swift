import Client
import Glibc
import JSON
import NetCore

/// The daemon of a world's node, as this process, which may be outside of the node, reaches it.
struct LabDaemon {
    private let daemon: Client.Daemon
    /// The node's files: "/proc/PID/root".
    let root: String

    /// Throws E-NAME where no node of the world has one.
    init(_ world: World) throws(LabError) {
        guard let node = world.description.nodes.first(where: \.hasContainers) else {
            throw LabError(
                .name, "no node of world \(world.description.name) has containers",
                fix: "start a lesson of the appendix: berth lab start A")
        }
        root = "/proc/\(try world.node(node.name).process.pid)/root"
        daemon = Client.Daemon(.unix(root + ContainerNode.socket))
    }

    /// What it answers with. Throws E-KERNEL with the daemon's own words.
    func json(_ method: String, _ path: String, _ query: [(String, String)] = [], _ body: JSON? = nil)
        throws(LabError) -> JSON
    {
        do throws(ClientError) {
            return try daemon.json(method, path, query, body)
        } catch {
            throw LabError(error, "ask the world's daemon for \(path)")
        }
    }

    /// As above; nil where there is no such thing (404).
    func found(_ path: String) throws(LabError) -> JSON? {
        do throws(ClientError) {
            return try daemon.json("GET", path)
        } catch {
            if error.status == 404 { return nil }
            throw LabError(error, "ask the world's daemon for \(path)")
        }
    }

    /// Exit code of a request without a body in its answer.
    func order(_ method: String, _ path: String, _ query: [(String, String)] = [], _ body: JSON? = nil)
        throws(LabError)
    {
        do throws(ClientError) {
            _ = try daemon.request(method, path, query, body.map { .json($0) } ?? .none).bytes(limit: 1 << 20)
        } catch {
            throw LabError(error, "have the world's daemon do \(method) \(path)")
        }
    }

    /// It answers, and has the image berth/busybox. Throws what it said where it does not within twenty seconds.
    func prepare() throws(LabError) {
        var refusal: ClientError?
        for _ in 0..<1000 {
            do throws(ClientError) {
                _ = try daemon.request("GET", "/_ping").bytes(limit: 4096)
                refusal = nil
            } catch {
                refusal = error
            }
            if refusal == nil { break }
            usleep(20_000)
        }
        if let refusal {
            let bytes = (try? Files.read(root + ContainerNode.log, limit: 1 << 20)) ?? []
            let said = String(decoding: bytes.suffix(400), as: UTF8.self).split(separator: "\n").joined(separator: "; ")
            throw LabError(
                .kernel, "the world's daemon does not answer", cause: said.isEmpty ? refusal.message : said,
                fix: "build the world anew: berth lab stop, then start it again")
        }
        try load(try LabDaemon.image())
    }

    private func load(_ path: String) throws(LabError) {
        let file = try during("open \(path)") { () throws(KernelError) in try OwnedDescriptor(open: path, O_RDONLY) }
        let number = file.number
        do throws(ClientError) {
            let next = { () throws(ClientError) -> [UInt8] in
                var bytes = [UInt8](repeating: 0, count: 1 << 18)
                let count = read(number, &bytes, bytes.count)
                guard count >= 0 else { throw ClientError("cannot read \(path): \(Errno.current)") }
                return Array(bytes[..<count])
            }
            let answer = try daemon.request(
                "POST", "/images/load", [("quiet", "1")], .stream(type: "application/x-tar", next: next))
            _ = try answer.bytes(limit: 1 << 20)
        } catch {
            throw LabError(error, "load the image \(path)")
        }
        withExtendedLifetime(file) {}
    }

    /// The archive of berth/busybox: where it is built, or where it is installed.
    private static func image() throws(LabError) -> String {
        let folder = OwnProgram.folder
        let places = ["\(folder)/../images/busybox.tar", "\(folder)/../share/berth/busybox.tar"]
        if let place = places.first(where: Files.exists) { return place }
        throw LabError(
            .name, "there is no image for the lesson's containers",
            cause: "it stands neither in \(places.joined(separator: " nor in "))",
            fix: "make it: make image, or install berth whole: make install")
    }
}

extension LabError {
    fileprivate init(_ error: ClientError, _ task: String) {
        self.init(
            .kernel, "cannot \(task)", cause: error.message + (error.by.map { ": \($0)" } ?? ""),
            fix:
                "is it there still? berth lab exec host -- pgrep -f 'berth daemon'; build the world anew: berth lab reset"
        )
    }
}
