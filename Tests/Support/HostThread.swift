import CKernel
import Glibc
import NetCore

/// Namespaces belong to a thread (man 2 unshare), so a test's host is a thread of its own, never one of Swift's pool:
/// after an `await` the wrong namespace would be met. What the body returns or throws reaches the caller.
enum HostThread {
    private final class Job {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// A new thread that runs `body`; join it. Throws EAGAIN when the kernel gives none.
    static func start(_ body: @escaping () -> Void) throws(KernelError) -> pthread_t {
        let job = Unmanaged.passRetained(Job(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                Unmanaged<Job>.fromOpaque(raw!).takeRetainedValue().body()
                return nil
            }, job.toOpaque())
        guard code == 0 else {
            job.release()
            throw KernelError("start a thread for the test's host", Errno(code))
        }
        return thread
    }

    /// Runs `body` on a new thread and waits for its end. Throws what the body throws.
    static func run<Value>(_ body: @escaping () throws -> Value) throws -> Value {
        var answer: Result<Value, any Error>?
        pthread_join(try start { answer = Result { try body() } }, nil)
        return try answer!.get()
    }

    /// Runs `body` on `count` threads at once; their values in order, or the first error.
    static func runMany<Value: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Value) throws
        -> [Value]
    {
        let answers = Answers<Value>(count)
        let threads = try (0..<count).map { index in
            try start { answers.set(index, Result { try body(index) }) }
        }
        for thread in threads { pthread_join(thread, nil) }
        return try answers.all.map { try $0!.get() }
    }
}

/// One place a thread: nobody writes to another's, and joining orders the reads after the writes.
private final class Answers<Value: Sendable>: @unchecked Sendable {
    private let places: UnsafeMutableBufferPointer<Result<Value, any Error>?>
    init(_ count: Int) {
        places = .allocate(capacity: count)
        places.initialize(repeating: nil)
    }
    deinit {
        places.deinitialize()
        places.deallocate()
    }
    func set(_ index: Int, _ value: Result<Value, any Error>) { places[index] = value }
    var all: [Result<Value, any Error>?] { Array(places) }
}

/// A namespace's identity: device and inode of its file (man 7 namespaces).
struct NamespaceIdentity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ path: String) throws(KernelError) {
        let file = try OwnedDescriptor(open: path, O_RDONLY)
        var device: UInt64 = 0
        var inode: UInt64 = 0
        try check("identify \(path)") { berth_netns_inode(file.number, &device, &inode) }
        self.device = device
        self.inode = inode
    }
}
