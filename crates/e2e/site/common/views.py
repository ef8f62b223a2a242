"""What visitors see, what balancers ask, and what students write."""

from django.conf import settings
from django.db import connections
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from courses.models import Enrollment
from history.models import Answer


def say_release(get_response):
    def answer(request):
        response = get_response(request)
        response["X-Release"] = settings.RELEASE
        return response

    return answer


def home(request):
    count = Enrollment.objects.count()
    meta = f'<meta name="release" content="{settings.RELEASE_NAME}">'
    return HttpResponse(f"<html>{meta}<p>{count} students. Powered by Open edX</p></html>")


def heartbeat(request):
    checks = {name: look(name) for name in settings.DATABASES}
    is_well = all(check["status"] for check in checks.values())
    return JsonResponse(checks, status=200 if is_well else 503)


def look(name):
    try:
        with connections[name].cursor() as cursor:
            cursor.execute("SELECT 1")
        return {"status": True, "message": "OK"}
    except Exception as error:
        return {"status": False, "message": str(error)}


@require_POST
def enrol(request):
    Enrollment.objects.create(student=request.POST["student"], course=request.POST["course"])
    return JsonResponse({"enrolled": True}, status=201)


@require_POST
def submit(request):
    """Keeps an answer, and has it graded by a worker, which takes so many seconds."""
    from worker import grade

    answer = Answer.objects.create(student=request.POST["student"], text=request.POST["text"])
    if seconds := float(request.POST.get("seconds", 0)):
        grade.apply_async([answer.pk, seconds], queue=f"edx.{settings.SERVICE}.core.default")
    return JsonResponse({"answer": answer.pk}, status=201)


@require_POST
def delete(request):
    own = {"student": request.POST["student"]}
    Answer.objects.filter(**own).delete()
    return JsonResponse({"deleted": Enrollment.objects.filter(**own).delete()[0]})


urlpatterns = [path("", home)]
urlpatterns += [path(view.__name__, view) for view in [heartbeat, enrol, submit, delete]]
