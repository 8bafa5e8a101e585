"""What a call took in another process counts for the thread that waited for it, and for no other."""

from threading import Thread

from headgate.base.elsewhere import process_time, spend, spent, thread_time


def test_time_spent_elsewhere_belongs_to_the_thread_that_waited() -> None:
    before, others = (spent(), thread_time(), process_time()), list[float]()
    spend(100.0)
    spend(20.0)
    assert spent() - before[0] == 120.0
    assert 120.0 <= thread_time() - before[1] < 200.0
    assert 120.0 <= process_time() - before[2] < 200.0
    other = Thread(target=lambda: others.append(spent()))
    other.start()
    other.join()
    assert others == [0.0]
