import Glibc

/// Threads for what waits: one ends with its work, and nobody joins it.
enum Threads {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// `body` runs on a thread of its own, with a stack of 512 KiB. Without one it runs here.
    static func start(_ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 << 10)
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        if code != 0 {
            work.release()
            body()
        }
    }
}

extension Threads {
    /// `body` was run for each of them, by as many threads as `most` says; returns when all are done.
    static func each<Element: Sendable>(_ elements: [Element], most: Int, _ body: @escaping @Sendable (Element) -> Void)
    {
        let left = Monitor((next: 0, undone: elements.count))
        for _ in 0..<min(most, elements.count) {
            start {
                while true {
                    let index = left.change { left -> Int in
                        defer { left.next += 1 }
                        return left.next
                    }
                    guard index < elements.count else { return }
                    body(elements[index])
                    left.change { $0.undone -= 1 }
                }
            }
        }
        while left.wait(milliseconds: 60_000, { $0.undone == 0 ? true : nil }) == nil {}
    }
}

/// Work on a thread of its own, and its result.
final class Parallel<Value: Sendable>: Sendable {
    private let result = Monitor<Value?>(nil)

    init(_ body: @escaping @Sendable () -> Value) {
        Threads.start { [result] in
            let value = body()
            result.change { $0 = value }
        }
    }

    /// Waited for.
    var value: Value {
        while true {
            if let value = result.wait(milliseconds: 60_000, { $0 }) { return value }
        }
    }
}
