import CNI
import Glibc
import JSON
import NetCore
import Synchronization
import Testing

@testable import IPAM

/// One job for many threads: each runs it with a number of its own.
private final class Job<R: Sendable>: Sendable {
    private let body: @Sendable (Int) throws -> R
    private let next = Mutex(0)
    private let answers = Mutex<[Result<R, any Error>]>([])

    init(_ body: @escaping @Sendable (Int) throws -> R) { self.body = body }

    private func runOnce() {
        let number = next.withLock { number in
            defer { number += 1 }
            return number
        }
        let answer = Result { try body(number) }
        answers.withLock { $0.append(answer) }
    }

    /// Runs the job on `count` threads at once and returns what they answered.
    func run(_ count: Int) -> [Result<R, any Error>] {
        var threads: [pthread_t] = []
        for _ in 0..<count {
            var thread = pthread_t()
            let entry = Unmanaged.passRetained(Entry { self.runOnce() }).toOpaque()
            let code = pthread_create(
                &thread, nil,
                { pointer in
                    Unmanaged<Entry>.fromOpaque(pointer!).takeRetainedValue().body()
                    return nil
                }, entry)
            precondition(code == 0)
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        return answers.withLock { $0 }
    }
}

private final class Entry: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// flock(2) belongs to the open file, and every call opens its own: threads exclude each other as processes do.
@Suite struct ConcurrencyTests {
    static func atOnce<R: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (Int) throws -> R
    ) -> [Result<R, any Error>] {
        Job(body).run(count)
    }

    @Test("P-19 64 writers at once get 64 addresses, and none twice")
    func writers() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let answers = ConcurrencyTests.atOnce(64) { number in try bench.addresses("c\(number)") }
        let addresses = try answers.flatMap { try $0.get() }
        #expect(addresses.count == 128)
        #expect(Set(addresses).count == 128)
        #expect(try bench.leases.count == 128)
        for number in 0..<64 { #expect(try bench.refusal("c\(number)").code == CNIErrorCode.addressInUse.rawValue) }
    }

    @Test("P-19 a pool that is just large enough serves ADD, DEL and GC at once, and ends empty")
    func churn() throws {
        let bench = try Bench(["subnet": "10.1.2.0/26"])
        let everybody = JSON.array((0..<48).map { ["containerID": .string("c\($0)"), "ifname": "eth0"] })
        let answers = ConcurrencyTests.atOnce(49) { number in
            for _ in 0..<6 {
                guard number < 48 else {
                    try bench.gc(everybody)
                    continue
                }
                let result = try bench.add("c\(number)")
                try bench.check("c\(number)", previous: result)
                try bench.del("c\(number)", previous: number % 2 == 0 ? result : nil)
            }
        }
        for answer in answers { #expect(throws: Never.self) { try answer.get() } }
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    @Test("P-19 P-40 of many ADDs of one attachment at once exactly one succeeds")
    func sameAttachment() throws {
        let bench = try Bench()
        let answers = ConcurrencyTests.atOnce(16) { _ in try bench.addresses("c1") }
        #expect(answers.compactMap { try? $0.get() } == [["10.1.2.2/24"]])
        #expect(try bench.leases == ["10.1.2.2"])
    }

    @Test("I-1 P-19 processes of the reference and ours at once get different addresses")
    func withReference() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(["subnet": "10.1.2.0/26"])
        let answers = ConcurrencyTests.atOnce(32) { number in
            number % 2 == 0
                ? try bench.addresses("c\(number)") : try reference.run(.add, on: bench, "c\(number)").addresses()
        }
        let addresses = try answers.flatMap { try $0.get() }
        #expect(Set(addresses).count == 32)
        #expect(try bench.leases.count == 32)
        for number in 0..<32 {
            if number % 3 == 0 {
                #expect(try reference.run(.del, on: bench, "c\(number)").code == 0)
            } else {
                try bench.del("c\(number)")
            }
        }
        #expect(try bench.leases.isEmpty)
    }
}
