import CContainer
import Glibc
import NetCore

/// Unix sockets by path, also where a path is longer than an address may be (man 7 unix).
enum ShimSocket {
    /// A listening socket with the mode 0600; what had that name is gone.
    static func listen(_ path: String) throws(KernelError) -> OwnedDescriptor {
        let socket = try make()
        try Files.remove(path)
        let before = umask(0o177)
        defer { umask(before) }
        try named(path) { address, length in bind(socket.number, address, length) }
        try check("listen on \(path)") { Glibc.listen(socket.number, 128) }
        return socket
    }

    /// Throws ECONNREFUSED when nobody listens any more, ENOENT when nobody ever did.
    static func connect(_ path: String) throws(KernelError) -> OwnedDescriptor {
        let socket = try make()
        try named(path) { address, length in Glibc.connect(socket.number, address, length) }
        return socket
    }

    private static func make() throws(KernelError) -> OwnedDescriptor {
        OwnedDescriptor(
            taking: try check("make a socket") {
                socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            })
    }

    private static func named(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32)
        throws(KernelError)
    {
        // A long path goes by way of its folder's descriptor.
        let folder = try OwnedDescriptor(open: Files.directory(of: path), O_RDONLY | O_DIRECTORY)
        let name =
            path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
        let short = path.utf8.count < 107 ? path : "/proc/self/fd/\(folder.number)/\(name)"
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard short.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw KernelError("use the socket \(path)", Errno(ENAMETOOLONG))
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short.utf8) }
        try check("use the socket \(path)") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}

/// Where a runtime hands over a terminal's master end (runc's --console-socket).
final class TerminalListener {
    /// What the runtime is told: the path, or one by way of our descriptor of its folder where it would be longer than an address.
    let address: String
    private let path: String
    private let folder: OwnedDescriptor
    private let loop: ShimLoop
    private var source: ShimLoop.Source?

    init(_ loop: ShimLoop, _ path: String, _ received: @escaping (Int32) -> Void) throws(KernelError) {
        self.path = path
        self.loop = loop
        let folder = try OwnedDescriptor(open: Files.directory(of: path), O_RDONLY | O_DIRECTORY)
        let name =
            path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
        address = path.utf8.count > 107 ? "/proc/\(getpid())/fd/\(folder.number)/\(name)" : path
        self.folder = folder
        let listener = try ShimSocket.listen(path).release()
        source = loop.add(listener, POLLIN) { [unowned self] _ in accept(listener, received) }
    }

    private var connection: ShimLoop.Source?

    private func accept(_ listener: Int32, _ received: @escaping (Int32) -> Void) {
        let number = berth_shim_accept(listener)
        guard number >= 0, connection == nil else { return }
        connection = loop.add(number, POLLIN) { [unowned self] _ in
            let terminal = berth_shim_receive_descriptor(number)
            if terminal < 0 && errno == EAGAIN { return }
            if let connection { loop.close(connection) }
            if terminal >= 0 { received(terminal) }
        }
    }

    /// Nobody hands anything over any more; the name is gone.
    func close() {
        if let source { loop.close(source) }
        if let connection { loop.close(connection) }
        (source, connection) = (nil, nil)
        unlink(path)
    }
}

/// A connection whose one request has not come yet.
final class RequestConnection {
    /// An OCI process with a large environment fits.
    static let limit = 1 << 20

    private let loop: ShimLoop
    private var source: ShimLoop.Source?
    private var line: [UInt8] = []
    let number: Int32
    private(set) var hasAsked = false

    /// `received` gets the line and what came behind it, and owns the connection: it answers and closes it, or takes it.
    init(
        _ loop: ShimLoop, _ number: Int32, received: @escaping (RequestConnection, [UInt8], [UInt8]) -> Void,
        gone: @escaping (RequestConnection) -> Void
    ) {
        self.loop = loop
        self.number = number
        source = loop.add(number, POLLIN) { [weak self] events in
            guard let self else { return }
            read(received, gone)
        }
    }

    private func read(
        _ received: (RequestConnection, [UInt8], [UInt8]) -> Void, _ gone: (RequestConnection) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 << 10) { room in
            let count = Glibc.read(number, room.baseAddress, room.count)
            if count > 0 {
                line.append(contentsOf: UnsafeBufferPointer(rebasing: room[..<count]))
                if let end = line.firstIndex(of: 0x0a) {
                    // Until it is answered it is only looked at for its end.
                    source?.events = 0
                    let rest = Array(line[(end + 1)...])
                    let request = Array(line[..<end])
                    hasAsked = true
                    line = []
                    received(self, request, rest)
                } else if line.count > RequestConnection.limit {
                    answer(["error": "the request is longer than 1 MiB"])
                    gone(self)
                }
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                close()
                gone(self)
            }
        }
    }

    /// One line, then the end; `keeping` the connection open until `close()`.
    func answer(_ object: JSONLine, keeping: Bool = false) {
        guard source != nil else { return }
        let bytes = object.bytes
        // A socket's buffer takes an answer at once; a client that has gone is no loss.
        _ = bytes.withUnsafeBytes { berth_shim_send(number, $0.baseAddress, UInt($0.count)) }
        if !keeping { close() }
    }

    /// The connection is another's from now on: its descriptor.
    func handOver() -> Int32? {
        guard let source else { return nil }
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        loop.close(source)
        self.source = nil
        return copy < 0 ? nil : copy
    }

    func close() {
        if let source { loop.close(source) }
        source = nil
    }
}
