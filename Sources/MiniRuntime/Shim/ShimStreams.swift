import CContainer
import Glibc
import NetCore

/// A process's standard streams: pipes, or a terminal that its runtime hands over; who is attached to them; and its log.
final class ShimStreams {
    private let loop: ShimLoop
    private let log: LogWriter?
    let hasTerminal: Bool
    private var input: ShimLoop.Source?
    private var unwritten: [UInt8] = []
    private var outputs: [(stream: LogStream, source: ShimLoop.Source)] = []
    private var clients: [AttachedClient] = []
    /// What the process is started with: standard input, output, errors. Closed once it has them.
    private var given: [Int32] = []
    private let keepsInput: Bool
    private var hadInput = false
    private var hasBegun = false
    /// Everything that it wrote has been read.
    var ended: () -> Void = {}
    /// Somebody who was attached has gone.
    var left: () -> Void = {}
    private(set) var isOver = false
    private(set) var terminal: Int32 = -1

    /// `input`: there is a standard input, which somebody will write to; without `output` it has none.
    init(_ loop: ShimLoop, log: LogWriter?, terminal: Bool, input keepsInput: Bool, output: Bool = true)
        throws(KernelError)
    {
        self.loop = loop
        self.log = log
        hasTerminal = terminal
        self.keepsInput = keepsInput
        if terminal { return }
        if keepsInput {
            let ends = try ShimStreams.pipe()
            given.append(ends.read)
            let source = loop.add(ends.write, -1) { [unowned self] _ in feed() }
            self.input = source
        } else {
            given.append(try ShimStreams.null())
        }
        for stream: LogStream in [.stdout, .stderr] {
            guard output else {
                given.append(try ShimStreams.null())
                continue
            }
            let ends = try ShimStreams.pipe()
            given.append(ends.write)
            // Nothing is read before the process runs: until then it is the runtime that speaks.
            outputs.append((stream, loop.add(ends.read, -1) { [unowned self] _ in readOutput(stream) }))
        }
    }

    private static func pipe() throws(KernelError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        try check("make a pipe for a container") { berth_shim_pipe(&ends) }
        return (ends[0], ends[1])
    }

    private static func null() throws(KernelError) -> Int32 {
        try OwnedDescriptor(open: "/dev/null", O_RDWR).release()
    }

    /// For the runtime's process; with a terminal it has nothing of ours.
    var standard: [Int32] { given }

    /// The process has its ends: ours of them are closed.
    func handedOver() {
        for number in given { Glibc.close(number) }
        given = []
    }

    /// What the runtime said on the streams while the process did not run.
    func takeWords() -> [UInt8] {
        var words: [UInt8] = []
        for output in outputs {
            var room = [UInt8](repeating: 0, count: 4096)
            let count = read(output.source.descriptor, &room, room.count)
            if count > 0 { words += room[..<count] }
        }
        return words
    }

    /// The runtime has handed the terminal over.
    func receive(terminal number: Int32) {
        terminal = number
        let source = loop.add(number, -1) { [unowned self] events in
            if events & POLLOUT != 0 { feed() }
            if events & (POLLIN | POLLHUP | POLLERR) != 0 { readOutput(.stdout) }
        }
        outputs = [(.stdout, source)]
        input = source
    }

    /// The user's process runs: its output is read from now on.
    func begin() {
        hasBegun = true
        resume()
    }

    func resize(rows: UInt32, columns: UInt32) throws(KernelError) {
        try check("set the terminal's size to \(rows) rows, \(columns) columns") {
            berth_shim_set_window(terminal, rows, columns)
        }
    }

    func attach(_ client: AttachedClient, first: [UInt8]) {
        clients.append(client)
        client.received = { [unowned self, unowned client] bytes in take(bytes, from: client) }
        client.relieved = { [unowned self] in resume() }
        client.closed = { [unowned self, unowned client] in
            clients.removeAll { $0 === client }
            left()
        }
        if client.holdsInput { hadInput = true }
        client.flush()
        if client.holdsInput, !first.isEmpty { first.withUnsafeBufferPointer { take($0, from: client) } }
        if isOver { client.end() }
    }

    /// Somebody attached still has to be told something.
    var isBusy: Bool { clients.contains { $0.isBusy } }

    // MARK: standard input

    private func take(_ bytes: UnsafeBufferPointer<UInt8>, from client: AttachedClient) {
        guard keepsInput, let input, input.isOpen else { return }
        unwritten.append(contentsOf: bytes)
        feed()
        if !unwritten.isEmpty { for each in clients where each.holdsInput { each.pauseInput() } }
    }

    private func feed() {
        guard let input, input.isOpen else { return }
        var done = 0
        while done < unwritten.count {
            let count = unwritten.withUnsafeBytes { write(input.descriptor, $0.baseAddress! + done, $0.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                // Nobody reads it any more.
                done = unwritten.count
                if !hasTerminal { closeInput() }
            }
        }
        unwritten.removeSubrange(..<done)
        if hasTerminal {
            if input.events >= 0 {
                if unwritten.isEmpty { input.events &= ~POLLOUT } else { input.events |= POLLOUT }
            }
        } else {
            input.events = unwritten.isEmpty ? -1 : POLLOUT
        }
        guard unwritten.isEmpty else { return }
        for each in clients where each.holdsInput { each.resumeInput() }
        if !hasTerminal, hadInput, !clients.contains(where: \.holdsInput) { closeInput() }
    }

    /// Nobody will write to standard input.
    func leaveInput() { closeInput() }

    private func closeInput() {
        guard !hasTerminal, let input else { return }
        loop.close(input)
        self.input = nil
    }

    // MARK: output

    /// Something was there.
    @discardableResult
    private func readOutput(_ stream: LogStream) -> Bool {
        guard let output = outputs.first(where: { $0.stream == stream }), output.source.isOpen else { return false }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64 << 10) { room in
            let count = read(output.source.descriptor, room.baseAddress, room.count)
            if count > 0 {
                let bytes = UnsafeBufferPointer(rebasing: room[..<count])
                log?.append(bytes, stream)
                for client in clients { client.send(bytes, stream) }
                if clients.contains(where: \.isFull) { pause() }
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                // A terminal answers EIO when its last user has closed it.
                close(stream)
            }
            return count > 0
        }
    }

    private func pause() { for output in outputs { output.source.events = -1 } }

    private func resume() {
        guard !clients.contains(where: \.isFull) else { return }
        for output in outputs where output.source.events < 0 && hasBegun {
            output.source.events = hasTerminal && !unwritten.isEmpty ? POLLIN | POLLOUT : POLLIN
        }
    }

    private func close(_ stream: LogStream) {
        for output in outputs where output.stream == stream { loop.close(output.source) }
        outputs.removeAll { $0.stream == stream }
        if outputs.isEmpty { finish() }
    }

    /// The process has ended: its output is read to its end, which is awaited for a second at most when somebody else holds it.
    func drain() {
        guard !isOver else { return }
        loop.after(1000) { [weak self] in
            guard let self, !isOver else { return }
            // A client that is being waited for holds the output back: what the process wrote is not given up for that.
            if clients.contains(where: \.isFull) { return drain() }
            for stream in outputs.map(\.stream) { for _ in 0..<256 where readOutput(stream) {} }
            finish()
        }
    }

    /// Nothing comes any more.
    func finish() {
        guard !isOver else { return }
        isOver = true
        for output in outputs { loop.close(output.source) }
        outputs = []
        if let input { loop.close(input) }
        input = nil
        terminal = -1
        unwritten = []
        handedOver()
        log?.finish()
        for client in clients { client.end() }
        ended()
    }
}
