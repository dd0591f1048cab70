import Glibc
import JSON
import NetCore

/// Answers the names of a network's containers, and asks the host's resolvers about all others. One thread, one poll(2).
final class NameResponder {
    /// Queries that are with the host's resolvers at once; beyond it clients are told to come again.
    static let flightLimit = 1024
    static let connectionLimit = 64

    /// The sockets of one address, port 53.
    struct Listener: ~Copyable {
        let address: IPAddress
        let datagrams: OwnedDescriptor
        let connections: OwnedDescriptor

        /// The address need not be there yet, or any more (IP_FREEBIND): a bridge may come and go.
        init(_ address: IPAddress, port: UInt16 = 53) throws(KernelError) {
            let datagrams = try Listener.bound(address, port, SOCK_DGRAM)
            let connections = try Listener.bound(address, port, SOCK_STREAM)
            let number = connections.number
            try check("listen at \(address), port \(port)") { listen(number, 64) }
            self.address = address
            self.datagrams = datagrams
            self.connections = connections
        }

        private static func bound(_ address: IPAddress, _ port: UInt16, _ type: __socket_type) throws(KernelError)
            -> OwnedDescriptor
        {
            let socket = try SocketAddress.socket(address.family, type)
            let number = socket.number
            var on: Int32 = 1
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
            try check("bind to \(address) before it is there") {
                setsockopt(number, Int32(IPPROTO_IP), IP_FREEBIND, &on, 4)
            }
            let operation = "answer names at \(address), port \(port)/\(type == SOCK_DGRAM ? "udp" : "tcp")"
            do throws(KernelError) {
                try check(operation) { SocketAddress(address, port).use { bind(number, $0, $1) } }
            } catch  where error.errno == Errno(EADDRINUSE) {
                throw KernelError(
                    operation, error.errno,
                    "a program of the host answers at every address: let it listen at its own alone (dnsmasq: bind-interfaces)"
                )
            }
            return socket
        }
    }

    private let addresses: [IPAddress]
    private let datagrams: [Int32]
    private let listeners: [Int32]
    private var names: WatchedFile
    private var table = NameTable()
    /// What cannot be read, for it is being written over, may hold other addresses than those of before.
    private var isKnown = true
    private var resolvers = HostResolvers()
    private var flights: [ForwardedQuery] = []
    private var connections: [NameConnection] = []
    private var serial: UInt64 = 0
    private var turn = 0
    private var room = [UInt8](repeating: 0, count: 65536)

    /// The listeners' descriptors live as long as the process.
    init(names file: String, _ bound: [(address: IPAddress, datagrams: Int32, connections: Int32)]) {
        names = WatchedFile(file)
        addresses = bound.map(\.address)
        datagrams = bound.map(\.datagrams)
        listeners = bound.map(\.connections)
    }

    /// Until the file of the names is gone.
    func run() {
        while true {
            step()
            if !names.isThere { return }
        }
    }

    private var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func step() {
        let flying = flights
        let connected = connections
        var polled = (datagrams + listeners).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        polled += flying.map(\.polled)
        polled += connected.map(\.polled)
        // Every ten seconds a look whether the network is still there.
        let first = (flying.map(\.deadline) + connected.filter { !$0.isWaiting }.map(\.deadline)).min() ?? .max
        let begin = now
        let patience = first > begin ? min((first - begin) / 1_000_000 + 1, 10_000) : 0
        guard poll(&polled, nfds_t(polled.count), Int32(patience)) >= 0 else { return }
        if let bytes = names.change() {
            let read = NameResponder.parsed(bytes).flatMap { NameTable($0) }
            isKnown = read != nil
            if let read { table = read }
        }
        guard names.isThere else { return }
        let time = now
        for index in datagrams.indices where polled[index].revents != 0 { receive(index, time) }
        for index in listeners.indices where polled[datagrams.count + index].revents != 0 { accept(index, time) }
        let base = datagrams.count + listeners.count
        for (index, flight) in flying.enumerated() {
            switch flight.go(on: polled[base + index].revents, now: time, &room) {
            case .waiting: continue
            case .answer(let answer): finish(flight, answer, time)
            case .failed: finish(flight, nil, time)
            }
        }
        for (index, connection) in connected.enumerated() {
            guard connection.go(on: polled[base + flying.count + index].revents, now: time, &room) else {
                connections.removeAll { $0 === connection }
                continue
            }
            serve(connection, time)
        }
    }

    private static func parsed(_ bytes: [UInt8]) -> JSON? {
        do throws(JSONError) { return try JSON(parsing: bytes) } catch { return nil }
    }

    /// Only the network's own are answered: this is no resolver for the world.
    private func isNeighbour(_ address: IPAddress?) -> Bool {
        guard let address else { return false }
        return table.subnets.contains { $0.contains(address) }
    }

    private func receive(_ listener: Int, _ time: UInt64) {
        for _ in 0..<64 {
            guard let (bytes, from) = SocketAddress.receive(datagrams[listener], &room) else { return }
            guard isNeighbour(from.address) else { continue }
            if let answer = answer(bytes, .datagram(listener: listener, from), time) { send(answer, listener, from) }
        }
    }

    private func accept(_ listener: Int, _ time: UInt64) {
        guard let (number, from) = SocketAddress.accept(listeners[listener]) else { return }
        let socket = OwnedDescriptor(taking: number)
        guard isNeighbour(from.address) else { return }
        // Who holds many open keeps nobody else out.
        if connections.count >= NameResponder.connectionLimit { connections.removeFirst() }
        serial += 1
        connections.append(NameConnection(socket, serial: serial, now: time))
    }

    private func serve(_ connection: NameConnection, _ time: UInt64) {
        guard let message = connection.next() else { return }
        connection.isWaiting = true
        if let answer = answer(message, .connection(connection.serial), time) {
            connection.answer(answer)
        } else if !flights.contains(where: { $0.isOf(connection.serial) }) {
            // What is not answered at all ends the connection.
            connections.removeAll { $0 === connection }
        }
    }

    /// Nil when there is none, or when it comes later.
    private func answer(_ bytes: [UInt8], _ client: ForwardedQuery.Client, _ time: UInt64) -> [UInt8]? {
        switch DNSQuery.read(bytes) {
        case .nothing: return nil
        case .refused(let code, let id): return DNSAnswer.refusal(code, id: id)
        case .query(let query):
            let byUDP = if case .datagram = client { true } else { false }
            guard isKnown else { return DNSAnswer.message(query, code: DNSQuery.serverFailure, byUDP: byUDP) }
            turn &+= 1
            switch table.find(query, turn: turn & 0xffff) {
            case .records(let records): return DNSAnswer.message(query, records, byUDP: byUDP)
            case .noSuchName: return DNSAnswer.message(query, code: DNSQuery.noSuchName, byUDP: byUDP)
            case .elsewhere: break
            }
            let servers = table.forwards ? resolvers.servers(without: addresses) : []
            let flight = ForwardedQuery(query, bytes, from: client, to: servers)
            guard flights.count < NameResponder.flightLimit, flight.askNext(now: time) else {
                return DNSAnswer.message(query, code: DNSQuery.serverFailure, byUDP: byUDP)
            }
            flights.append(flight)
            return nil
        }
    }

    private func finish(_ flight: ForwardedQuery, _ answer: [UInt8]?, _ time: UInt64) {
        flights.removeAll { $0 === flight }
        switch flight.client {
        case .datagram(let listener, let to):
            send(
                answer ?? DNSAnswer.message(flight.query, code: DNSQuery.serverFailure, byUDP: true), listener, to)
        case .connection(let serial):
            guard let connection = connections.first(where: { $0.serial == serial }) else { return }
            connection.answer(
                answer ?? DNSAnswer.message(flight.query, code: DNSQuery.serverFailure, byUDP: false))
        }
    }

    private func send(_ message: [UInt8], _ listener: Int, _ to: SocketAddress) {
        _ = to.use { sendto(datagrams[listener], message, message.count, Int32(MSG_NOSIGNAL), $0, $1) }
    }
}

extension ForwardedQuery {
    func isOf(_ connection: UInt64) -> Bool {
        if case .connection(let serial) = client { serial == connection } else { false }
    }
}
