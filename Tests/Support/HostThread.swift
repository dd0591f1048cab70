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

    /// Runs `body` on a new thread and waits for its end. Throws what the body throws, or EAGAIN without a thread.
    static func run<Value>(_ body: @escaping () throws -> Value) throws -> Value {
        var answer: Result<Value, any Error>?
        try withoutActuallyEscaping(body) { body in
            let job = Job { answer = Result { try body() } }
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { raw in
                    Unmanaged<Job>.fromOpaque(raw!).takeRetainedValue().body()
                    return nil
                }, Unmanaged.passRetained(job).toOpaque())
            guard code == 0 else { throw KernelError("start a thread for the test's host", Errno(code)) }
            pthread_join(thread, nil)
        }
        return try answer!.get()
    }
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
